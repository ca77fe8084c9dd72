"""Whether Gradio is installed, which is an extra, and that it does not call home."""

import os
from importlib.util import find_spec

from vqathinker.errors import InputError

__all__ = ["require_gradio"]


def require_gradio() -> None:
    """Raises InputError where Gradio is not installed, with what to do."""
    if find_spec("gradio") is None:
        raise InputError(
            "the page needs the package gradio, which is not installed: "
            "`pip install 'vqathinker[serve]'`"
        )
    # Read when Gradio and huggingface_hub are imported.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
