"""The training set of a policy, and warnings about clips that differ from it.

Clips are compared with the ranges in the policy's provenance. If it records none, they are compared
with the usual ranges of the data sets of this field (docs/datasets.md).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from vqathinker.params.base import RELEASED
from vqathinker.policy.label_sentences import describe_scores, training_set
from vqathinker.scoring.sample import SampledClip
from vqathinker.video.probe import Probe
from vqathinker.video.sampling import ClipSetting

Range = tuple[float, float]
_DECIMALS = 4  # of recorded labels, so scores are rounded before they are compared
# LSVQ and the benchmarks of the paper have 240p and more, 24 to 120 fps, and 2 to 20 s.
_USUAL_SIDE: Range = (240, 4320)
_USUAL_FPS: Range = (20, 120)
_USUAL_SECONDS: Range = (2, 20)
_TOLERANCE = 1.1  # factor beyond either end of a range before there is a warning


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """The training set of a policy; fields that are not recorded are None.

    Attributes:
        set: name of the data set.
        videos: number of videos with a label and a clip.
        mos: percentiles 0 to 100 of the labels, on the scale of the scores.
        labels: `values` of labels in ascending order, and the number of labels `below` and `up_to`
            each of them; see `training.trained_on`.
        about: what the labels are, and what scores are worth on real videos.
        side: smallest and largest shorter side, in pixels.
        fps: lowest and highest frame rate.
        duration_s: shortest and longest duration, in seconds.
    """

    set: str | None = None
    videos: int | None = None
    mos: tuple[float, ...] | None = None
    labels: Mapping[str, list[float]] | None = None
    about: str = field(default="", compare=False)
    side: Range | None = None
    fps: Range | None = None
    duration_s: Range | None = None

    @classmethod
    def from_provenance(cls, provenance: Mapping[str, Any]) -> Self:
        """Read a policy's provenance."""
        record = provenance.get("trained_on")
        about = describe_scores(provenance)
        if record is None or provenance.get("source") == RELEASED:
            return cls(set=training_set(provenance), about=about)
        ranges = {name: tuple(record[name]) for name in ("mos", "side", "fps", "duration_s")
                  if name in record}  # fmt: skip
        return cls(
            set=record["set"], videos=record["videos"], labels=record.get("labels"), about=about,
            **ranges,
        )  # fmt: skip

    def percentile(self, score: float | None) -> float | None:
        """Percentage of labels below a score, 0..100, where ties count half; None if unknown.

        The result is that of `scipy.stats.percentileofscore(kind="mean")` with labels and score
        rounded to four decimals, interpolated linearly between the recorded values. Older policies
        record `mos` only.
        """
        if score is None or self.mos is None:
            return None
        labels, total = self.labels, self.videos or 1
        if labels is None:
            labels, total = _estimate_counts(self.mos), len(self.mos) - 1
        score = round(score, _DECIMALS)
        at = int(np.searchsorted(labels["values"], score))
        if labels["values"][at : at + 1] == [score]:
            count = (labels["below"][at] + labels["up_to"][at]) / 2
        else:
            before, after = slice(max(at - 1, 0), at), slice(at, at + 1)
            values = labels["values"][before] + labels["values"][after]
            count = float(
                np.interp(score, values, labels["up_to"][before] + labels["below"][after])
            )
        return 100 * count / total


def _estimate_counts(mos: tuple[float, ...]) -> dict[str, list[float]]:
    """Estimate `TrainedOn.labels` from percentiles, as counts of 100 labels.

    A value that several percentiles share is a tie, which extends half way to its neighbours.
    """
    values, first = np.unique(mos, return_index=True)
    last = np.append(first[1:], len(mos)) - 1
    half = 0.5 * (last > first)
    below, up_to = np.maximum(first - half, 0), np.minimum(last + half, len(mos) - 1)
    return {"values": values.tolist(), "below": below.tolist(), "up_to": up_to.tolist()}


def clip_warnings(clip: SampledClip, setting: ClipSetting, trained_on: TrainedOn) -> Iterator[str]:
    """A sentence for each way in which a clip differs from the training clips."""
    if len(set(clip.indices)) < len(clip.indices):
        yield (
            f"too short: the clip has fewer than the {len(clip.indices)} frames that the policy "
            "looks at, so some are repeated"
        )
    if len(clip.indices) != setting.frames:
        yield f"{len(clip.indices)} frames instead of the {setting.frames} used in training"
    if clip.facts is None:  # frames were passed in memory
        return
    yield from _warnings_about_file(clip.facts, setting, trained_on)
    if clip.hdr:
        yield "HDR: colours are read as standard dynamic range, and look pale"
    if clip.facts.note:
        yield clip.facts.note


def _warnings_about_file(
    facts: Probe, setting: ClipSetting, trained_on: TrainedOn
) -> Iterator[str]:
    side = min(facts.width, facts.height)
    # Tiles have native pixels at any resolution.
    if not setting.tiles and (where := _side_of_range(side, trained_on.side or _USUAL_SIDE)):
        expected = _describe(trained_on.side, _USUAL_SIDE, "px")
        yield f"too {('small', 'large')[where > 0]}: the shorter side has {side} px; {expected}"
    if where := _side_of_range(facts.duration_s, trained_on.duration_s or _USUAL_SECONDS):
        expected = _describe(trained_on.duration_s, _USUAL_SECONDS, "s")
        long = f"too long: {facts.duration_s:g} s; {expected}; score its parts with --where"
        yield long if where > 0 else f"too short: {facts.duration_s:g} s; {expected}"
    if _side_of_range(facts.fps, trained_on.fps or _USUAL_FPS):
        expected = _describe(trained_on.fps, _USUAL_FPS, "fps")
        yield f"unusual frame rate: {facts.fps:g} frames per second; {expected}"
    if facts.rotation:
        yield f"rotated by {facts.rotation} degrees, as the file specifies"


def _side_of_range(value: float, ends: Range) -> int:
    """-1 below the range, 1 above, 0 within."""
    return (value > ends[1] * _TOLERANCE) - (value < ends[0] / _TOLERANCE)


def _describe(trained: Range | None, usual: Range, unit: str) -> str:
    low, high = trained or usual
    ends = f"{low:g} to {high:g}" if low != high else f"{low:g}"
    return f"{'training clips have' if trained else 'usual clips have'} {ends} {unit}"
