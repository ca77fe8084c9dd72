"""A page to try a policy on: drop a clip, see its score, the reasoning and the frames behind it.

The page is Gradio's, bound to this machine, and keeps nothing of what is dropped on it.
"""

from vqathinker.serving.extra import require_gradio

require_gradio()

from vqathinker.serving.page import Page, build  # noqa: E402  not before it is known to be there
from vqathinker.serving.server import serve  # noqa: E402

__all__ = ["Page", "build", "serve"]
