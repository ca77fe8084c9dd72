"""VQAThinker: video quality assessment by reinforcement learning (arXiv 2508.06051).

    from vqathinker import load_policy

    load_policy("models/demo/grpo/policy").score("clip.mp4").score

What stands in `__all__` stays; all else may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqathinker.scoring.load import load_policy
    from vqathinker.scoring.loaded import LoadedPolicy
    from vqathinker.scoring.results import ClipScore
    from vqathinker.scoring.sample import SampledClip

__all__ = ["ClipScore", "LoadedPolicy", "SampledClip", "__version__", "load_policy"]

__version__ = "0.1.0"

_HOMES = {
    "ClipScore": "vqathinker.scoring.results",
    "LoadedPolicy": "vqathinker.scoring.loaded",
    "SampledClip": "vqathinker.scoring.sample",
    "load_policy": "vqathinker.scoring.load",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that the package alone brings neither torch nor a reader."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
