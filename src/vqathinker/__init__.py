"""VQAThinker: video quality assessment by reinforcement learning (arXiv 2508.06051).

    from vqathinker import load_policy

    load_policy("models/demo/grpo/policy").score("clip.mp4").score

The names in `__all__` are the public API; everything else may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqathinker.scoring.load import load_policy
    from vqathinker.scoring.loaded_policy import LoadedPolicy
    from vqathinker.scoring.results import ClipScore
    from vqathinker.scoring.sample import SampledClip

__all__ = ["ClipScore", "LoadedPolicy", "SampledClip", "__version__", "load_policy"]

__version__ = "0.1.0"

_MODULES = {
    "ClipScore": "results",
    "LoadedPolicy": "loaded_policy",
    "SampledClip": "sample",
    "load_policy": "load",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that `import vqathinker` imports neither torch nor PyAV."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"vqathinker.scoring.{_MODULES[name]}"), name)
