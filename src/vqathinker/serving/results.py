"""Results of uploaded clips, and their HTML.

File names and everything that the policy writes are escaped in the HTML.
"""

import base64
import html
import io
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from vqathinker.errors import InputError
from vqathinker.evaluation.pairs import share_of_wins
from vqathinker.params import ScoreKind
from vqathinker.scoring.results import METHODS, ClipScore
from vqathinker.serving.uploads import UploadFolder
from vqathinker.video.damage import DamagedVideo, JobError
from vqathinker.video.probe import ClipBounds, probe_all
from vqathinker.video.workers import Limits, WorkerStartError

if TYPE_CHECKING:
    from vqathinker.scoring.loaded_policy import LoadedPolicy
    from vqathinker.scoring.sample import SampledClip

_LIMITS: Final = Limits(timeout_s=30, memory_mb=2000)
_EXPIRED = "the server no longer has this upload: drop the clip again"
_SERVER_ERROR = "the server failed to score this clip; its log says why"
_THUMBNAIL_SIZE: Final = 320  # pixels
# Characters with a meaning in Gradio's templates.
_TEMPLATE_CHARS = {ord(char): f"&#{ord(char)};" for char in "`${}"}


@dataclass(frozen=True, slots=True)
class UploadResult:
    """The result of scoring an upload.

    Attributes:
        name: file name of the clip.
        sampled: the frames that the policy saw; None if there is an error.
        result: the score; None if there is an error.
        answers: the sampled scores whose mean is the score; empty for other methods.
        scale: lowest and highest score, as in `LoadedPolicy.scale`.
        error: why the clip was not scored, or None.
    """

    name: str
    sampled: "SampledClip | None" = None
    result: ClipScore | None = None
    answers: tuple[float, ...] = ()
    error: str | None = None
    scale: tuple[float, float] | None = None


def score_upload(
    policy: "LoadedPolicy",
    upload: Path,
    uploads: UploadFolder,
    bounds: ClipBounds,
    method: ScoreKind | None = None,
) -> UploadResult:
    """Score an upload and delete it; every error becomes a result."""
    name = upload.name
    try:
        with uploads.take(upload) as clip:
            bounds.require_file(clip)
            [facts] = probe_all([clip], _LIMITS)
            if isinstance(facts, DamagedVideo | FileNotFoundError):
                raise facts
            bounds.require_video(facts)
            sampled = policy.sample(clip, limits=_LIMITS)
        answers = policy.ask(sampled, method)
        scores = tuple(each.score for each in answers.samples if each.score is not None)
        result = policy.to_result(sampled, answers, method)
        return UploadResult(name, sampled, result, scores, scale=policy.scale)
    except DamagedVideo as damage:
        return UploadResult(name, error=damage.reason)
    except InputError as error:
        return UploadResult(name, error=str(error))
    except FileNotFoundError:
        return UploadResult(name, error=_EXPIRED)
    except (JobError, WorkerStartError, OSError, RuntimeError, MemoryError):
        traceback.print_exc(file=sys.stderr)
        return UploadResult(name, error=_SERVER_ERROR)


def escape(text: str) -> str:
    """Escape text for HTML and for Gradio's templates.

    >>> escape("<b>${1}")
    '&lt;b&gt;&#36;&#123;1&#125;'
    """
    return html.escape(text).translate(_TEMPLATE_CHARS)


_PANEL = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
).get_template("panel.html.j2")  # fmt: skip


def result_html(upload: UploadResult) -> str:
    """The HTML panel of a clip, with every value escaped."""
    result, scale, meter = upload.result, upload.scale, None
    if result and result.score is not None and scale and scale[0] < scale[1]:
        meter = 100 * min(max((result.score - scale[0]) / (scale[1] - scale[0]), 0), 1)
    panel = _PANEL.render(
        upload=upload,
        result=result,
        method=result and METHODS[result.method],
        on_scale=_on_scale(scale),
        meter=meter,
        clip=upload.sampled,
        pictures=[] if upload.sampled is None else map(_data_url, upload.sampled.pixels),
    )
    return panel.translate(_TEMPLATE_CHARS)


def comparison_html(a: UploadResult | None, b: UploadResult | None) -> str:
    """HTML that says which of two clips is better; empty if either has no score."""
    if a is None or b is None or a.result is None or b.result is None:
        return ""
    first, second = a.result.score, b.result.score
    if first is None or second is None:
        return ""
    difference = round(first, 2) - round(second, 2)
    better, worse = ("A", "B") if difference > 0 else ("B", "A")
    by = f"{abs(difference):.2f} points{_on_scale(a.scale)}"
    text = f"<strong>Clip {better} is better</strong> than clip {worse}, by {by}"
    if not difference:
        text = f"Both clips get the same score, {first:.2f}"
    elif a.answers and b.answers:
        share = share_of_wins(a.answers, b.answers)
        text += f", in {max(share, 1 - share):.0%} of pairs of answers"
    return f'<p class="vq-comparison" role="status">{text}.</p>'


def _on_scale(scale: tuple[float, float] | None) -> str:
    return "" if scale is None else " on a scale of {:g} to {:g}".format(*scale)


def _data_url(pixels: NDArray[np.uint8]) -> str:
    """A frame, uint8 (height, width, 3), as the data URL of a JPEG image."""
    image = Image.fromarray(pixels)
    image.thumbnail((_THUMBNAIL_SIZE, _THUMBNAIL_SIZE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
