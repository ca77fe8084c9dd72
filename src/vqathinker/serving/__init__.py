"""A page to try a policy: drop a clip, see its score, the reasoning and the frames.

The page uses Gradio, is bound to this machine by default, and keeps no uploads. Gradio is an extra;
it is imported on the first access to a name.
"""

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from vqathinker.errors import InputError

if TYPE_CHECKING:
    from vqathinker.serving.page import Page as Page
    from vqathinker.serving.page import build as build
    from vqathinker.serving.server import serve as serve


def __getattr__(name: str) -> Any:
    """Raises InputError where Gradio is not installed, with what to do."""
    if name not in {"Page", "build", "serve"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if find_spec("gradio") is None:
        raise InputError(
            "the page needs the package gradio, which is not installed: "
            "`pip install 'vqathinker[serve]'`"
        )
    # Gradio and huggingface_hub read these when they are imported; neither is to call home.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    from vqathinker.serving import page, server  # noqa: PLC0415  not before Gradio is known there

    return getattr(server if name == "serve" else page, name)
