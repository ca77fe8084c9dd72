"""A page to try a policy on: drop a clip, see its score, the reasoning and the frames behind it.

The page is Gradio's, bound to this machine, and keeps nothing of what is dropped on it. Gradio is
imported with the first name that is asked for.
"""

from typing import TYPE_CHECKING, Any

from vqathinker.serving.extra import require_gradio

if TYPE_CHECKING:
    from vqathinker.serving.page import Page, build
    from vqathinker.serving.server import serve

__all__ = ["Page", "build", "serve"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require_gradio()
    from vqathinker.serving import page, server  # noqa: PLC0415  not before Gradio is known there

    return getattr(server if name == "serve" else page, name)
