"""The result for an uploaded clip: a score or a reason why there is none, and its HTML.

Everything from outside is escaped in the HTML, and nothing is fetched.
"""

import base64
import html
import io
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vqathinker.errors import InputError
from vqathinker.evaluation.preference import outcomes
from vqathinker.params import ScoreKind
from vqathinker.scoring.results import METHODS, ClipScore
from vqathinker.serving.uploads import UploadFolder
from vqathinker.video.damage import DamagedVideo, DisturbedJobError
from vqathinker.video.probe import ClipBounds, probe_all
from vqathinker.video.workers import Limits, WorkerStartError

if TYPE_CHECKING:
    from vqathinker.scoring.loaded import LoadedPolicy
    from vqathinker.scoring.sample import SampledClip

_LIMITS: Final = Limits(timeout_s=30, memory_mb=2000)
_GONE = "the server has no such upload, or no more: drop the clip again"
_OURS = "something is wrong with the server, not with the clip: its log says what"
_THUMBNAIL: Final = 320  # pixels of a side
# Gradio's own templates read these.
_TEMPLATE_SIGNS = {ord(sign): f"&#{ord(sign)};" for sign in "`${}"}
_NO_SCORE = "The policy's answer holds no score"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a clip.

    Attributes:
        name: of the clip, as its sender has it.
        sampled: what the policy looked at; None where the clip was refused.
        told: what the policy says; None where the clip was refused.
        answers: the drawn ones that `told.score` is the mean of; none for other methods.
        scale: least and greatest score, as `LoadedPolicy.scale` has it.
        refusal: why it was refused, a sentence; None where it was not.
    """

    name: str
    sampled: "SampledClip | None" = None
    told: ClipScore | None = None
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
    """Score an upload, which is gone afterwards; whatever happens becomes a verdict.

    `method` None is the policy's own.
    """
    name = upload.name
    try:
        with uploads.taken(upload) as own:
            bounds.require_file(own)
            [facts] = probe_all([own], _LIMITS)
            if isinstance(facts, DamagedVideo | FileNotFoundError):
                raise facts
            bounds.require_shown(facts)
            sampled = policy.sample(own, limits=_LIMITS)
        told = policy.ask(sampled, method)
        answers = tuple(each.score for each in told.samples if each.score is not None)
        result = policy.result_of(sampled, told, method)
        return Verdict(name, sampled, result, answers, scale=policy.scale)
    except DamagedVideo as damage:
        return Verdict(name, refusal=damage.reason)
    except InputError as error:
        return Verdict(name, refusal=str(error))
    except FileNotFoundError:
        return Verdict(name, refusal=_GONE)
    except (DisturbedJobError, WorkerStartError, OSError, RuntimeError, MemoryError):
        traceback.print_exc(file=sys.stderr)
        return Verdict(name, refusal=_OURS)


def escape(text: str) -> str:
    """Text that stays text in HTML and in the templates of Gradio.

    >>> escape("<b>${1}")
    '&lt;b&gt;&#36;&#123;1&#125;'
    """
    return html.escape(text).translate(_TEMPLATE_SIGNS)


def verdict_html(verdict: Verdict) -> str:
    """All that is known of a clip."""
    return f'<article class="vq">{"".join(_parts(verdict))}</article>'


def comparison_html(a: Verdict | None, b: Verdict | None) -> str:
    """Which of two clips is better; empty where one has no score."""
    if a is None or b is None or a.told is None or b.told is None:
        return ""
    words = _comparison(a, b, a.told.score, b.told.score)
    return f'<p class="vq-comparison" role="status">{words}</p>' if words else ""


def _comparison(a: Verdict, b: Verdict, first: float | None, second: float | None) -> str:
    if first is None or second is None:
        return ""
    difference = round(first, 2) - round(second, 2)
    if not difference:
        return f"Both clips get the same score, {first:.2f}."
    better, worse = ("A", "B") if difference > 0 else ("B", "A")
    by = f"{abs(difference):.2f} points{_on(a.scale)}"
    return f"<strong>Clip {better} is better</strong> than clip {worse}, by {by}{_surety(a, b)}."


def _surety(a: Verdict, b: Verdict) -> str:
    """In how many pairs of drawn answers one clip has the higher score; empty where none were."""
    if not (a.answers and b.answers):
        return ""
    share = float(outcomes(*np.meshgrid(a.answers, b.answers)).mean())
    return f", in {max(share, 1 - share):.0%} of pairs of answers"


def _parts(verdict: Verdict) -> Iterator[str]:
    yield f'<h2 class="vq-name">{escape(verdict.name)}</h2>'
    if verdict.refusal is not None:
        yield f'<p class="vq-refusal" role="alert">Not scored: {escape(verdict.refusal)}.</p>'
    if verdict.told is not None:
        yield _score(verdict.told, verdict.scale)
        yield from _warnings(verdict.told)
        yield _reasoning(verdict.told)
    if verdict.sampled is not None:
        yield _frames(verdict.sampled)


def _score(told: ClipScore, scale: tuple[float, float] | None) -> str:
    if told.score is None:
        return f'<p class="vq-refusal" role="alert">{_NO_SCORE} ({escape(told.answer_status)}).</p>'
    return (
        f'<p class="vq-score"><strong>{told.score:.2f}</strong>{_on(scale)}</p>'
        f'{_meter(told.score, scale)}<p class="vq-note">{"; ".join(_notes(told))}</p>'
    )


def _on(scale: tuple[float, float] | None) -> str:
    return "" if scale is None else " on a scale of {:g} to {:g}".format(*scale)


def _meter(score: float, scale: tuple[float, float] | None) -> str:
    if scale is None or scale[0] == scale[1]:
        return ""
    share = 100 * min(max((score - scale[0]) / (scale[1] - scale[0]), 0), 1)
    return f'<span class="vq-meter" aria-hidden="true"><i style="width:{share:.1f}%"></i></span>'


def _notes(told: ClipScore) -> Iterator[str]:
    yield f"{told.method} score: {METHODS[told.method]}"
    if told.percentile is not None:
        yield f"higher than the MOS of {told.percentile:.0f} of 100 clips that it was trained on"
    if told.low is not None and told.high is not None:
        yield f"95 % interval {told.low:.2f} to {told.high:.2f}"
    elif told.spread is not None:
        yield f"what the policy may say is spread by ±{told.spread:.2f}"


def _warnings(told: ClipScore) -> Iterator[str]:
    if told.warnings:
        items = "".join(f"<li>{escape(warning)}</li>" for warning in told.warnings)
        yield f'<ul class="vq-warnings" aria-label="Warnings">{items}</ul>'


def _reasoning(told: ClipScore) -> str:
    words = escape(told.reasoning) or "<em>none</em>"
    return f"<h3>Reasoning</h3><blockquote>{words}</blockquote>"


def _frames(clip: "SampledClip") -> str:
    pictures = "".join(
        f'<li><img src="{_picture(pixels)}" alt="Frame {index}{_at(clip, number)}" '
        f'title="Frame {index}{_at(clip, number)}"></li>'
        for number, (pixels, index) in enumerate(zip(clip.pixels, clip.indices, strict=True))
    )
    frames, size = clip.pixels.shape[:2]
    caption = f"The {frames} frames that it looked at, each squeezed into {size}×{size} pixels"
    return f'<h3>{caption}</h3><ol class="vq-frames">{pictures}</ol>{_facts(clip)}'


def _at(clip: "SampledClip", number: int) -> str:
    return f", at {clip.seconds[number]:.1f} s" if clip.seconds else ""


def _facts(clip: "SampledClip") -> str:
    facts = clip.facts
    if facts is None:
        return ""
    words = (
        f"{facts.width}×{facts.height} pixels, {facts.fps:.4g} frames a second, "
        f"{facts.duration_s:.1f} s, {escape(facts.codec)}"
    )
    note = f"; {escape(facts.note)}" if facts.note else ""
    return f'<p class="vq-note">{words}{note}</p>'


def _picture(pixels: NDArray[np.uint8]) -> str:
    """A frame uint8 (height, width, 3) as the address of a JPEG that needs no file."""
    image = Image.fromarray(pixels)
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
