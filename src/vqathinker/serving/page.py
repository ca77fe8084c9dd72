"""The page: two places to drop a clip, what is said of each, and which is better."""

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gradio as gr
from fastapi import FastAPI
from starlette.middleware import Middleware

from vqathinker.params import Device, ScoreKind
from vqathinker.scoring.load import load_policy
from vqathinker.serving.clip_input import clip_input
from vqathinker.serving.gate import Gate
from vqathinker.serving.panel import comparison_html, escape, verdict_html
from vqathinker.serving.style import CSS, FONTS, MONO
from vqathinker.serving.uploads import UploadFolder
from vqathinker.serving.verdict import Verdict, judge
from vqathinker.video.bounds import ClipBounds
from vqathinker.video.fork_server import preload_modules

if TYPE_CHECKING:
    from vqathinker.scoring.loaded import LoadedPolicy

__all__ = ["Page", "build", "introduction"]

_TITLE: Final = "VQAThinker"
_UPLOADS_AT_A_TIME = 10  # of the largest size, in all
_SESSIONS = 50  # whose last scores are known
_SIDES: Final = ("A", "B")
_QUEUE: Final = "policy"  # one for both sides: a clip at a time
_Judge = Callable[[str], Verdict]


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is ready to be served.

    Attributes:
        blocks: as Gradio has it.
        uploads: where clips lie until they are scored.
        bounds: of a clip.
    """

    blocks: gr.Blocks
    uploads: UploadFolder
    bounds: ClipBounds

    def launch(self, **options: Any) -> None:
        """Serve the page the way Gradio does, as in a Space; `options` are `Blocks.launch`'s."""
        self.blocks.launch(**{**self._options(), "share": False, **options})

    def app(self, password: str | None = None) -> FastAPI:
        """The page as an application of ASGI, which asks for `password` where there is one."""
        outer = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        asks = {} if password is None else {"auth": partial(_is_password, password)}
        message = "Any name, and the password of this server."
        return gr.mount_gradio_app(
            outer, self.blocks, "/", auth_message=message, **self._options(), **asks
        )

    def _options(self) -> dict[str, Any]:
        gate = Middleware(Gate, uploads=self.uploads, most_bytes=self.bounds.file_bytes)
        return {
            "theme": gr.themes.Default(font=FONTS, font_mono=MONO),
            "css": CSS,
            "app_kwargs": {"middleware": [gate]},
            "max_file_size": self.bounds.file_bytes,
            "footer_links": [],
            "run_history": False,
            "enable_monitoring": False,
            "mcp_server": False,
            "ssr_mode": False,
            "show_error": True,
        }


def build(
    policy: "LoadedPolicy | str | Path | None" = None,
    device: Device = "auto",
    method: ScoreKind | None = None,
    bounds: ClipBounds | None = None,
    waiting: int = 20,
) -> Page:
    """A page on which a policy scores clips, one at a time.

    Args:
        policy: as `load_policy` takes it, or one that is loaded.
        device: for a policy that is not loaded yet.
        method: which score is shown, see `policy.scoring`; None: the policy's own.
        bounds: of a clip; None: 200 MB, 5 minutes, 4K.
        waiting: clips that may wait in the queue.

    Raises:
        InputError, PolicyError: as `load_policy`.
    """
    preload_modules(
        "vqathinker.scoring.sample", "vqathinker.video.probe", "vqathinker.video.decode"
    )
    if policy is None or isinstance(policy, str | Path):
        policy = load_policy(policy, device)
    scorer = policy
    bounds = bounds or ClipBounds()
    uploads = UploadFolder(_UPLOADS_AT_A_TIME * bounds.file_bytes)
    os.environ["GRADIO_TEMP_DIR"] = str(uploads.path)

    def verdict_on(upload: str) -> Verdict:
        return judge(scorer, Path(upload), uploads, bounds, method)

    blocks = _layout(verdict_on, introduction(scorer, method, bounds))
    blocks.queue(max_size=waiting, default_concurrency_limit=1)
    blocks.state_session_capacity = _SESSIONS
    return Page(blocks, uploads, bounds)


def _layout(verdict_on: _Judge, introduction: str) -> gr.Blocks:
    with gr.Blocks(title=_TITLE, analytics_enabled=False) as blocks:
        gr.HTML(introduction, elem_classes="vq-intro")
        verdicts = {side: gr.State(None) for side in _SIDES}
        fields, panels = {}, {}
        with gr.Row():
            for side in _SIDES:
                with gr.Column(min_width=300):
                    fields[side] = clip_input(f"Clip {side}")
                    panels[side] = gr.HTML(min_height=40, elem_id=f"clip-{side.lower()}")
        comparison = gr.HTML(elem_id="comparison")
        for side, other in (_SIDES, _SIDES[::-1]):
            fields[side].upload(
                partial(_answer, verdict_on, side),
                [fields[side], verdicts[other]],
                [fields[side], panels[side], verdicts[side], comparison],
                api_name=f"score_{side.lower()}",
                concurrency_id=_QUEUE,
                show_progress_on=[panels[side]],
            )
    return blocks


def _answer(
    verdict_on: _Judge, side: str, upload: str | None, other: Verdict | None
) -> tuple[None, str, Verdict | None, str]:
    """What an upload changes: the field is empty again, a panel, the verdict, a comparison."""
    if upload is None:
        return None, "", None, ""
    verdict = verdict_on(upload)
    pair = (verdict, other) if side == _SIDES[0] else (other, verdict)
    kept = replace(verdict, sampled=None)
    return None, verdict_html(verdict), kept, comparison_html(*pair)


def introduction(policy: "LoadedPolicy", method: ScoreKind | None, bounds: ClipBounds) -> str:
    """What the page says above its fields."""
    scale = " from {:g} to {:g}; higher is better".format(*policy.scale) if policy.scale else ""
    return (
        f"<h1>{_TITLE}</h1><p>Drop a clip: the policy looks at {policy.setting.frames} frames of "
        f"it, says what it sees, and gives it a score{scale}. Drop another one, and see which is "
        f"better. Clips of up to {bounds.megabytes:g} MB and {bounds.seconds:g} seconds; none is "
        f"kept.</p><p>{escape(policy.describe_method(method))}.</p>"
        f"<p>{escape(policy.trained_on.about)}</p>"
    )


def _is_password(password: str, _: str, given: str) -> bool:
    return hmac.compare_digest(password.encode(), given.encode())
