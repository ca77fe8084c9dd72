"""The training set of a policy, and warnings about clips that differ from it.

Clips are compared with the ranges in the policy's record. Without a record they are compared with
the usual ranges of the data sets of this field (docs/datasets.md).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np

from vqathinker.params.base import RELEASED
from vqathinker.policy.label_sentences import about_scores, training_set
from vqathinker.scoring.sample import SampledClip
from vqathinker.video.probe import Probe
from vqathinker.video.sampling import ClipSetting

Ends = tuple[float, float]
_DECIMALS = 4  # of labels on record, and so of what is compared with them
# Of LSVQ and the sets that the paper evaluates on: 240p and more, 24 to 120 fps, 2 to 20 s.
_USUAL_SIDE: Ends = (240, 4320)
_USUAL_FPS: Ends = (20, 120)
_USUAL_SECONDS: Ends = (2, 20)
_SLACK = 1.1  # beyond either end of a range, before it is said


class LabelCounts(NamedTuple):
    """Some of the labels in rising order, and for each how many labels lie below and up to it.

    All labels where there are few; else their quantiles, see `training.trained_on`.
    """

    values: tuple[float, ...]
    below: tuple[float, ...]
    up_to: tuple[float, ...]
    total: float

    @classmethod
    def of_percentiles(cls, mos: tuple[float, ...]) -> Self:
        """Estimate the counts from equally spaced quantiles, as older policies record them.

        A value that several quantiles share is tied; its labels begin and end half way to the next
        quantile.
        """
        last = len(mos) - 1
        values, first = np.unique(mos, return_index=True)
        end = np.append(first[1:], len(mos)) - 1
        half = 0.5 * (end > first)
        below, up_to = np.maximum(first - half, 0), np.minimum(end + half, last)
        return cls(tuple(values), tuple(below), tuple(up_to), last or 1)

    def share_below(self, score: float) -> float:
        """Share of the labels below a score, ties counted half; linear between the values."""
        at = int(np.searchsorted(self.values, score))
        if at < len(self.values) and self.values[at] == score:
            return (self.below[at] + self.up_to[at]) / 2 / self.total
        values = (*self.values[max(at - 1, 0) : at], *self.values[at : at + 1])
        counts = (*self.up_to[max(at - 1, 0) : at], *self.below[at : at + 1])
        return float(np.interp(score, values, counts)) / self.total


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """The training set, as far as it is on record; older policies tell its name alone.

    Attributes:
        set: its name; None where no scores were learned from, or nothing is known.
        videos: how many had a label and a clip.
        mos: the 0th to the 100th percentile of the labels, on the scale of the scores.
        about: what the labels are, and what scores are worth on real videos.
        labels: how many labels lie below others; None: not recorded, estimated from `mos`.
        side: least and greatest number of pixels of the shorter side.
        fps: least and greatest frame rate.
        duration_s: least and greatest duration, in seconds.
    """

    set: str | None = None
    videos: int | None = None
    mos: tuple[float, ...] | None = None
    labels: LabelCounts | None = None
    about: str = field(default="", compare=False)
    side: Ends | None = None
    fps: Ends | None = None
    duration_s: Ends | None = None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Read the record of a policy's origin."""
        told = record.get("trained_on")
        if told is None or record.get("source") == RELEASED:
            return cls(set=training_set(record), about=about_scores(record))
        ends = {name: tuple(told[name]) for name in ("mos", "side", "fps", "duration_s")
                if name in told}  # fmt: skip
        labels = None
        if counts := told.get("labels"):
            columns = {name: tuple(counts[name]) for name in ("values", "below", "up_to")}
            labels = LabelCounts(**columns, total=told["videos"])
        return cls(
            set=told["set"],
            videos=told["videos"],
            labels=labels,
            about=about_scores(record),
            **ends,
        )

    def percentile(self, score: float | None) -> float | None:
        """Percent of the labels below a score, ties counted half, 0..100; None: not known.

        As `scipy.stats.percentileofscore(kind="mean")`, with labels and score in four decimals.
        """
        if score is None or self.mos is None:
            return None
        labels = self.labels or LabelCounts.of_percentiles(self.mos)
        return 100 * labels.share_below(round(score, _DECIMALS))


def what_is_unlike(clip: SampledClip, setting: ClipSetting, seen: TrainedOn) -> Iterator[str]:
    """A sentence for each; none where frames come from memory, of which nothing is known."""
    if len(set(clip.indices)) < len(clip.indices):
        yield (
            f"too short: it has fewer frames than the {len(clip.indices)} that the policy looks "
            "at, so some are shown to it twice"
        )
    if len(clip.indices) != setting.frames:
        yield f"{len(clip.indices)} frames were looked at; the policy is used to {setting.frames}"
    if clip.facts is None:
        return
    yield from _of_facts(clip.facts, seen)
    if clip.hdr:
        yield "HDR: its colours are read as if they were of standard range, and look pale"
    if clip.facts.note:
        yield clip.facts.note


def _of_facts(facts: Probe, seen: TrainedOn) -> Iterator[str]:
    side = min(facts.width, facts.height)
    if where := _outside(side, seen.side or _USUAL_SIDE):
        wanted = _range(seen.side, _USUAL_SIDE, "px")
        yield f"too {('small', 'large')[where > 0]}: {side} px at its shorter side; {wanted}"
    if where := _outside(facts.duration_s, seen.duration_s or _USUAL_SECONDS):
        wanted = _range(seen.duration_s, _USUAL_SECONDS, "s")
        long = f"too long: {facts.duration_s:g} s; {wanted}: --where scores its parts"
        yield long if where > 0 else f"too short: {facts.duration_s:g} s; {wanted}"
    if _outside(facts.fps, seen.fps or _USUAL_FPS):
        wanted = _range(seen.fps, _USUAL_FPS, "fps")
        yield f"odd frame rate: {facts.fps:g} frames per second; {wanted}"
    if facts.rotation:
        yield f"turned: its file says to turn it by {facts.rotation} degrees, which was done"


def _outside(value: float, ends: Ends) -> int:
    """-1 below, 1 above, 0 within."""
    return (value > ends[1] * _SLACK) - (value < ends[0] / _SLACK)


def _range(seen: Ends | None, usual: Ends, unit: str) -> str:
    low, high = seen or usual
    many = f"{low:g} to {high:g}" if low != high else f"{low:g}"
    return f"{'the training clips had' if seen else 'usual are'} {many} {unit}"
