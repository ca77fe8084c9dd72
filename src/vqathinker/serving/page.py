"""The page: two upload fields, a result for each, and which clip is better."""

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
from vqathinker.serving.results import (
    UploadResult,
    comparison_html,
    escape,
    result_html,
    score_upload,
)
from vqathinker.serving.server import RequestFilter
from vqathinker.serving.uploads import UploadFolder
from vqathinker.video.probe import ClipBounds
from vqathinker.video.workers import preload_modules

if TYPE_CHECKING:
    from vqathinker.scoring.loaded_policy import LoadedPolicy

_TITLE: Final = "VQAThinker"
_MAX_LARGE_UPLOADS = 10  # uploads of maximum size that fit on the disk
_MAX_SESSIONS = 50  # sessions whose last results are kept in memory
_SIDES: Final = ("A", "B")
_QUEUE: Final = "policy"  # shared by both sides, so that one clip is scored at a time
_ScoreFunction = Callable[[str], UploadResult]
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_MONO = ("ui-monospace", "Menlo", "Consolas", "monospace")
_CSS = Path(__file__).with_name("page.css")


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is ready to be served.

    Attributes:
        blocks: the Gradio application.
        uploads: the folder of clips that are not scored yet.
        bounds: maximum size and length of a clip.
    """

    blocks: gr.Blocks
    uploads: UploadFolder
    bounds: ClipBounds

    def launch(self, **options: Any) -> None:
        """Serve the page with Gradio's own server, as in a Space; options as in `Blocks.launch`."""
        self.blocks.launch(**{**self._options(), "share": False, **options})

    def app(self, password: str | None = None) -> FastAPI:
        """The page as an ASGI application, which asks visitors for the password if there is one."""
        outer = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

        def is_password(_: str, entered: str) -> bool:
            return hmac.compare_digest(str(password).encode(), entered.encode())

        auth = {} if password is None else {"auth": is_password}
        message = "Enter any name, and the password of this server."
        return gr.mount_gradio_app(
            outer, self.blocks, "/", auth_message=message, **self._options(), **auth
        )

    def _options(self) -> dict[str, Any]:
        request_filter = Middleware(
            RequestFilter, uploads=self.uploads, max_bytes=self.bounds.file_bytes
        )
        return {
            "theme": gr.themes.Default(font=_FONTS, font_mono=_MONO),
            "css_paths": _CSS,
            "app_kwargs": {"middleware": [request_filter]},
            "max_file_size": self.bounds.file_bytes,
            "footer_links": [],
            "run_history": False,
            "enable_monitoring": False,
            "mcp_server": False,
            "ssr_mode": False,
            "show_error": True,
        }


def build(
    policy: str | Path | None = None,
    device: Device = "auto",
    method: ScoreKind | None = None,
    bounds: ClipBounds | None = None,
    queue_size: int = 20,
) -> Page:
    """Build a page on which a policy scores one clip at a time.

    Args:
        policy, device: as in `load_policy`.
        method: kind of score, see `policy.scoring`; None selects the policy's own.
        bounds: limits of a clip; None selects 200 MB, 5 minutes, 4K.
        queue_size: maximum number of clips that wait to be scored.

    Raises:
        InputError: the policy cannot be loaded.
    """
    preload_modules(
        "vqathinker.scoring.sample", "vqathinker.video.probe", "vqathinker.video.decode"
    )
    loaded = load_policy(policy, device)
    bounds = bounds or ClipBounds()
    uploads = UploadFolder(_MAX_LARGE_UPLOADS * bounds.file_bytes)
    os.environ["GRADIO_TEMP_DIR"] = str(uploads.path)

    def score(upload: str) -> UploadResult:
        return score_upload(loaded, Path(upload), uploads, bounds, method)

    blocks = _layout(score, _introduction(loaded, method, bounds))
    blocks.queue(max_size=queue_size, default_concurrency_limit=1)
    blocks.state_session_capacity = _MAX_SESSIONS
    return Page(blocks, uploads, bounds)


def _layout(score: _ScoreFunction, introduction: str) -> gr.Blocks:
    with gr.Blocks(title=_TITLE, analytics_enabled=False) as blocks:
        gr.HTML(introduction, elem_classes="vq-intro")
        results = {side: gr.State(None) for side in _SIDES}
        fields, panels = {}, {}
        with gr.Row():
            for side in _SIDES:
                with gr.Column(min_width=300):
                    fields[side] = _clip_input(f"Clip {side}")
                    panels[side] = gr.HTML(min_height=40, elem_id=f"clip-{side.lower()}")
        comparison = gr.HTML(elem_id="comparison")
        for side, other in (_SIDES, _SIDES[::-1]):
            fields[side].upload(
                partial(_update, score, side),
                [fields[side], results[other]],
                [fields[side], panels[side], results[side], comparison],
                api_name=f"score_{side.lower()}",
                concurrency_id=_QUEUE,
                show_progress_on=[panels[side]],
            )
    return blocks


def _update(
    score: _ScoreFunction, side: str, upload: str | None, other: UploadResult | None
) -> tuple[None, str, UploadResult | None, str]:
    """New values of the upload field (empty), its panel, the stored result and the comparison."""
    if upload is None:
        return None, "", None, ""
    result = score(upload)
    pair = (result, other) if side == _SIDES[0] else (other, result)
    without_frames = replace(result, sampled=None)  # saves memory in the session
    return None, result_html(result), without_frames, comparison_html(*pair)


def _introduction(policy: "LoadedPolicy", method: ScoreKind | None, bounds: ClipBounds) -> str:
    scale = " from {:g} to {:g}; higher is better".format(*policy.scale) if policy.scale else ""
    return (
        f"<h1>{_TITLE}</h1><p>Drop a clip: the policy looks at {policy.setting.frames} frames, "
        f"describes them, and gives a score{scale}. Drop a second clip to compare both. "
        f"Clips may have up to {bounds.megabytes:g} MB and {bounds.seconds:g} seconds; they are "
        f"deleted once they are scored.</p><p>{escape(policy.describe_method(method))}.</p>"
        f"<p>{escape(policy.trained_on.about)}</p>"
    )


def _clip_input(label: str) -> gr.File:
    """An upload field that rejects addresses instead of fetching them."""
    # Methods are replaced on the instance, because Gradio writes a type stub next to the module of
    # every subclass of its components.
    field = gr.File(label=label, height=140)
    field.async_move_resource_to_block_cache = _reject_address
    field.preprocess = _path_of_upload  # Gradio's own leaves an empty file behind
    return field


async def _reject_address(url_or_file_path: object) -> str | None:
    if url_or_file_path is None:
        return None
    path = str(url_or_file_path)
    if "://" in path:
        raise InputError("got an address; expected an uploaded clip")
    return path


def _path_of_upload(payload: ListFiles | FileData | None) -> str | None:
    if isinstance(payload, ListFiles):
        payload = payload[0]
    return None if payload is None else str(payload.path)
