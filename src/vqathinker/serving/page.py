"""The page: two fields for clips, a result for each, and which one is better."""

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gradio as gr
from fastapi import FastAPI
from gradio.data_classes import FileData, ListFiles
from starlette.middleware import Middleware

from vqathinker.errors import InputError
from vqathinker.params import Device, ScoreKind
from vqathinker.scoring.load import load_policy
from vqathinker.serving.server import Gate
from vqathinker.serving.uploads import UploadFolder
from vqathinker.serving.verdict import Verdict, comparison_html, escape, judge, verdict_html
from vqathinker.video.probe import ClipBounds
from vqathinker.video.workers import preload_modules

if TYPE_CHECKING:
    from vqathinker.scoring.loaded import LoadedPolicy

_TITLE: Final = "VQAThinker"
_UPLOADS_AT_A_TIME = 10  # of the largest size, on the disk
_SESSIONS = 50  # whose last scores are remembered
_SIDES: Final = ("A", "B")
_QUEUE: Final = "policy"  # shared by both sides, so one clip is scored at a time
_Judge = Callable[[str], Verdict]
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_MONO = ("ui-monospace", "Menlo", "Consolas", "monospace")
_CSS = Path(__file__).with_name("page.css")


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is ready to be served.

    Attributes:
        blocks: the page in Gradio.
        uploads: where clips are until they are scored.
        bounds: limits of a clip.
    """

    blocks: gr.Blocks
    uploads: UploadFolder
    bounds: ClipBounds

    def launch(self, **options: Any) -> None:
        """Serve the page with Gradio's server, as in a Space; options of `Blocks.launch`."""
        self.blocks.launch(**{**self._options(), "share": False, **options})

    def app(self, password: str | None = None) -> FastAPI:
        """The page as an ASGI application that asks for a password, if one is given."""
        outer = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

        def is_password(_: str, given: str) -> bool:
            return hmac.compare_digest(str(password).encode(), given.encode())

        asks = {} if password is None else {"auth": is_password}
        message = "Any name, and the password of this server."
        return gr.mount_gradio_app(
            outer, self.blocks, "/", auth_message=message, **self._options(), **asks
        )

    def _options(self) -> dict[str, Any]:
        gate = Middleware(Gate, uploads=self.uploads, most_bytes=self.bounds.file_bytes)
        return {
            "theme": gr.themes.Default(font=_FONTS, font_mono=_MONO),
            "css_paths": _CSS,
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
        policy: as for `load_policy`, or a loaded one.
        device: for a policy that is not loaded yet.
        method: kind of score, see `policy.scoring`; None: the policy's own.
        bounds: limits of a clip; None: 200 MB, 5 minutes, 4K.
        waiting: clips that may wait in the queue.

    Raises:
        InputError: as `load_policy`.
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
                    fields[side] = _clip_input(f"Clip {side}")
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
    """New values of the field (empty again), its panel, the verdict and the comparison."""
    if upload is None:
        return None, "", None, ""
    verdict = verdict_on(upload)
    pair = (verdict, other) if side == _SIDES[0] else (other, verdict)
    kept = replace(verdict, sampled=None)
    return None, verdict_html(verdict), kept, comparison_html(*pair)


def introduction(policy: "LoadedPolicy", method: ScoreKind | None, bounds: ClipBounds) -> str:
    """The text above the fields."""
    scale = " from {:g} to {:g}; higher is better".format(*policy.scale) if policy.scale else ""
    return (
        f"<h1>{_TITLE}</h1><p>Drop a clip: the policy looks at {policy.setting.frames} frames of "
        f"it, describes what it sees, and gives it a score{scale}. Drop another one to compare "
        f"them. Clips of up to {bounds.megabytes:g} MB and {bounds.seconds:g} seconds; they are "
        f"deleted once scored.</p><p>{escape(policy.describe_method(method))}.</p>"
        f"<p>{escape(policy.trained_on.about)}</p>"
    )


def _clip_input(label: str) -> gr.File:
    """A field for an uploaded file; an address instead is refused, not fetched.

    Two methods are replaced on the instance: for every subclass of its components Gradio writes a
    type stub next to the module.
    """
    field = gr.File(label=label, height=140)
    field.async_move_resource_to_block_cache = _require_upload
    field.preprocess = _path_of  # Gradio's own leaves an empty file behind
    return field


async def _require_upload(url_or_file_path: object) -> str | None:
    if url_or_file_path is None:
        return None
    path = str(url_or_file_path)
    if "://" in path:
        raise InputError("an address; expected an uploaded clip")
    return path


def _path_of(payload: ListFiles | FileData | None) -> str | None:
    if isinstance(payload, ListFiles):
        payload = payload[0]
    return None if payload is None else str(payload.path)
