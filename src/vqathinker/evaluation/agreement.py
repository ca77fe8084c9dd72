"""Every measure of one run on one benchmark, with its interval, as a metrics file holds them."""

from typing import Literal, NotRequired, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from vqathinker.evaluation.estimates import Estimate, fisher
from vqathinker.evaluation.intervals import bootstrap, generator_of
from vqathinker.evaluation.kendall import krcc
from vqathinker.evaluation.logistic import resample_logistic
from vqathinker.evaluation.pairs import draw_pairs, pairwise_accuracy
from vqathinker.evaluation.resampling import Floats
from vqathinker.params import IntervalsParams

__all__ = ["Measure", "MeasureName", "Measures", "contents_of", "measure_agreement"]

MeasureName = Literal["srcc", "plcc", "krcc", "plcc_logistic", "rmse_logistic", "pairwise_accuracy"]


class Measure(TypedDict):
    """A value and the interval that covers the true one; None, with a reason, where there is none.

    SRCC and PLCC have Fisher's z beside it, which takes the videos as independent.
    """

    value: float | None
    low: float | None
    high: float | None
    reason: str | None
    fisher_low: NotRequired[float | None]
    fisher_high: NotRequired[float | None]


class Measures(TypedDict):
    """All measures, what is resampled, and how many videos or contents that makes."""

    measures: dict[MeasureName, Measure]
    resampled_by: Literal["video", "content"]
    n_groups: int


def contents_of(contents: ArrayLike) -> np.ndarray | None:
    """Contents (videos,) to resample by; None where one is not known, or each video has its own."""
    found = np.asarray(contents, dtype=object)
    known = all(isinstance(content, str) for content in found)
    return found.astype(str) if known and len(set(found)) < len(found) else None


def measure_agreement(
    scores: Floats, mos: Floats, contents: ArrayLike, name: str, params: IntervalsParams
) -> Measures:
    """Measure finite `scores` against finite `mos` (videos,) of the benchmark `name`.

    `contents` (videos,) are those of the manifest, see `contents_of`. All draws come from the seed
    of `params` and from `name`: runs that scored the same videos meet the same pairs of them.
    """
    groups = contents_of(contents)
    number = len(scores) if groups is None else len(set(groups))
    measures = _measure(scores, mos, groups, name, params)
    by: Literal["video", "content"] = "video" if groups is None else "content"
    return Measures(measures=measures, resampled_by=by, n_groups=number)


def _measure(
    scores: Floats, mos: Floats, groups: np.ndarray | None, name: str, params: IntervalsParams
) -> dict[MeasureName, Measure]:
    confidence, n = params.confidence, len(scores)

    def generator() -> np.random.Generator:
        return generator_of(params.seed, name)

    (rank, linear), *_ = bootstrap(
        scores[None], mos, groups, generator=generator(), resamples=params.resamples
    )
    plcc, rmse = resample_logistic(
        scores, mos, groups, generator=generator(), resamples=params.resamples
    )
    pairs = draw_pairs(n, generator_of(params.seed, f"{name}/pairs"))
    accuracy = pairwise_accuracy(scores, mos, groups, pairs=pairs, confidence=confidence)
    return {
        "srcc": _with_fisher(rank.estimate(confidence), n, confidence, ranks=True),
        "plcc": _with_fisher(linear.estimate(confidence), n, confidence, ranks=False),
        "krcc": _written(krcc(scores, mos, groups, confidence=confidence)),
        "plcc_logistic": _written(plcc.estimate(confidence)),
        "rmse_logistic": _written(rmse.estimate(confidence)),
        "pairwise_accuracy": _written(accuracy),
    }


def _written(found: Estimate) -> Measure:
    return Measure(value=found.value, low=found.low, high=found.high, reason=found.reason)


def _with_fisher(found: Estimate, n: int, confidence: float, *, ranks: bool) -> Measure:
    low, high = fisher(found.value, n, confidence, ranks=ranks) or (None, None)
    return Measure(**_written(found), fisher_low=low, fisher_high=high)
