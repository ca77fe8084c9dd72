"""The result for an uploaded clip: a score or a reason why there is none, and its HTML.

Everything from outside is escaped in the HTML, and nothing is fetched.
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
    from vqathinker.scoring.loaded import LoadedPolicy
    from vqathinker.scoring.sample import SampledClip

_LIMITS: Final = Limits(timeout_s=30, memory_mb=2000)
_GONE = "the server no longer has this upload: drop the clip again"
_SERVER_FAULT = "the server failed, not the clip: see its log"
_THUMBNAIL: Final = 320  # pixels of a side
# Gradio's templates interpret these.
_TEMPLATE_SIGNS = {ord(sign): f"&#{ord(sign)};" for sign in "`${}"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result for an upload.

    Attributes:
        name: file name of the clip.
        sampled: the frames that the policy saw; None if the clip was refused.
        result: its score; None if the clip was refused.
        answers: the drawn scores whose mean is the score; none for other methods.
        scale: least and greatest score, as in `LoadedPolicy.scale`.
        refusal: a sentence on why it was refused, or None.
    """

    name: str
    sampled: "SampledClip | None" = None
    result: ClipScore | None = None
    answers: tuple[float, ...] = ()
    refusal: str | None = None
    scale: tuple[float, float] | None = None


def judge(
    policy: "LoadedPolicy",
    upload: Path,
    uploads: UploadFolder,
    bounds: ClipBounds,
    method: ScoreKind | None = None,
) -> Verdict:
    """Score an upload and delete it; every error becomes a verdict.

    `method` None is the policy's own.
    """
    name = upload.name
    try:
        with uploads.taken(upload) as clip:
            bounds.require_file(clip)
            [facts] = probe_all([clip], _LIMITS)
            if isinstance(facts, DamagedVideo | FileNotFoundError):
                raise facts
            bounds.require_video(facts)
            sampled = policy.sample(clip, limits=_LIMITS)
        answers = policy.ask(sampled, method)
        drawn = tuple(each.score for each in answers.samples if each.score is not None)
        result = policy.result_of(sampled, answers, method)
        return Verdict(name, sampled, result, drawn, scale=policy.scale)
    except DamagedVideo as damage:
        return Verdict(name, refusal=damage.reason)
    except InputError as error:
        return Verdict(name, refusal=str(error))
    except FileNotFoundError:
        return Verdict(name, refusal=_GONE)
    except (JobError, WorkerStartError, OSError, RuntimeError, MemoryError):
        traceback.print_exc(file=sys.stderr)
        return Verdict(name, refusal=_SERVER_FAULT)


def escape(text: str) -> str:
    """Text that stays text in HTML and in the templates of Gradio.

    >>> escape("<b>${1}")
    '&lt;b&gt;&#36;&#123;1&#125;'
    """
    return html.escape(text).translate(_TEMPLATE_SIGNS)


_PANEL = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
).get_template("panel.html.j2")  # fmt: skip


def verdict_html(verdict: Verdict) -> str:
    """The panel of a clip; every value in it is escaped."""
    result, scale, meter = verdict.result, verdict.scale, None
    if result and result.score is not None and scale and scale[0] < scale[1]:
        meter = 100 * min(max((result.score - scale[0]) / (scale[1] - scale[0]), 0), 1)
    panel = _PANEL.render(
        verdict=verdict,
        result=result,
        method=result and METHODS[result.method],
        on_scale=_on(scale),
        meter=meter,
        clip=verdict.sampled,
        pictures=[] if verdict.sampled is None else map(_picture, verdict.sampled.pixels),
    )
    return panel.translate(_TEMPLATE_SIGNS)


def comparison_html(a: Verdict | None, b: Verdict | None) -> str:
    """Which of two clips is better; empty if one has no score."""
    if a is None or b is None or a.result is None or b.result is None:
        return ""
    first, second = a.result.score, b.result.score
    if first is None or second is None:
        return ""
    difference = round(first, 2) - round(second, 2)
    better, worse = ("A", "B") if difference > 0 else ("B", "A")
    by = f"{abs(difference):.2f} points{_on(a.scale)}"
    text = f"<strong>Clip {better} is better</strong> than clip {worse}, by {by}"
    if not difference:
        text = f"Both clips get the same score, {first:.2f}"
    elif a.answers and b.answers:
        share = share_of_wins(a.answers, b.answers)
        text += f", in {max(share, 1 - share):.0%} of pairs of answers"
    return f'<p class="vq-comparison" role="status">{text}.</p>'


def _on(scale: tuple[float, float] | None) -> str:
    return "" if scale is None else " on a scale of {:g} to {:g}".format(*scale)


def _picture(pixels: NDArray[np.uint8]) -> str:
    """A frame uint8 (height, width, 3) as a data URL of a JPEG."""
    image = Image.fromarray(pixels)
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
