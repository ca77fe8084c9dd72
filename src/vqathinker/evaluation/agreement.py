"""Measures of agreement between scores and MOS, each with its interval.

`measure_agreement` computes every measure of a metrics file. SRCC and PLCC come from `intervals`,
the logistic measures from `logistic`. Two measures are defined here:

- Kendall's tau-b. Its interval is a jackknife over videos or contents on Fisher's scale. Tau is a
  mean over pairs, so the values without one video are exact and fast to compute; a bootstrap is
  neither.
- Pairwise accuracy: how often the better of two videos has the higher score. Source: table 4 of
  QualiRAG, which reports 87.17 / 77.33 / 62.08 % on KoNViD-1k, VDPVE and LIVE-YT-HFR for the
  released weights; its pairs are not published. Here each video is in at most one pair: 1,200, 839
  and 480 videos make 600, 419 and 240 pairs. Pairs with equal MOS are left out. Equal scores count
  one half.
"""

import math
from typing import Literal, NotRequired, TypedDict

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import kendalltau
from scipy.stats import t as student

from vqathinker.evaluation.intervals import (
    Estimate,
    bootstrap,
    fisher_interval,
    generator_for,
    too_few_groups,
)
from vqathinker.evaluation.logistic import resample_logistic
from vqathinker.evaluation.measures import correlations
from vqathinker.evaluation.resampling import Floats, Integers, group_numbers
from vqathinker.params import IntervalsParams

MeasureName = Literal["srcc", "plcc", "krcc", "plcc_logistic", "rmse_logistic", "pairwise_accuracy"]
_ROWS = 256  # videos compared with all others at a time, to bound the memory


class Measure(TypedDict):
    """A value with its confidence interval; undefined parts are None, with a reason.

    SRCC and PLCC also have Fisher's interval, which assumes independent videos.
    """

    value: float | None
    low: float | None
    high: float | None
    reason: str | None
    fisher_low: NotRequired[float | None]
    fisher_high: NotRequired[float | None]


class Measures(TypedDict):
    """All measures, the unit of resampling, and the number of these units."""

    measures: dict[MeasureName, Measure]
    resampled_by: Literal["video", "content"]
    n_groups: int


def resampling_contents(contents: ArrayLike) -> np.ndarray | None:
    """Contents (videos,) to resample by; None if one is unknown or no two videos share one."""
    found = np.asarray(contents, dtype=object)
    known = all(isinstance(content, str) for content in found)
    return found.astype(str) if known and len(set(found)) < len(found) else None


def measure_agreement(
    scores: Floats, mos: Floats, contents: ArrayLike, name: str, params: IntervalsParams
) -> Measures:
    """Measure finite `scores` against finite `mos` (videos,) of the benchmark `name`.

    `contents` (videos,) are the manifest's, see `resampling_contents`. The random generators depend
    only on the seed in `params` and on `name`, so runs that scored the same videos get the same
    resamples and pairs.
    """
    groups = resampling_contents(contents)
    confidence, n = params.confidence, len(scores)
    resamples = params.resamples
    (rank, linear), *_ = bootstrap(
        scores[None],
        mos,
        groups,
        generator=generator_for(params.seed, name),
        resamples=resamples,
    )
    plcc, rmse = resample_logistic(
        scores, mos, groups, generator=generator_for(params.seed, name), resamples=resamples
    )
    pairs = draw_pairs(n, generator_for(params.seed, f"{name}/pairs"))
    accuracy = pairwise_accuracy(scores, mos, groups, pairs=pairs, confidence=confidence)
    measures: dict[MeasureName, Measure] = {
        "srcc": _with_fisher(rank.estimate(confidence), n, confidence, ranks=True),
        "plcc": _with_fisher(linear.estimate(confidence), n, confidence, ranks=False),
        "krcc": _measure(krcc(scores, mos, groups, confidence=confidence)),
        "plcc_logistic": _measure(plcc.estimate(confidence)),
        "rmse_logistic": _measure(rmse.estimate(confidence)),
        "pairwise_accuracy": _measure(accuracy),
    }
    by: Literal["video", "content"] = "video" if groups is None else "content"
    number = n if groups is None else len(set(groups))
    return Measures(measures=measures, resampled_by=by, n_groups=number)


def _measure(found: Estimate) -> Measure:
    return Measure(value=found.value, low=found.low, high=found.high, reason=found.reason)


def _with_fisher(found: Estimate, n: int, confidence: float, *, ranks: bool) -> Measure:
    low, high = fisher_interval(found.value, n, confidence, ranks=ranks) or (None, None)
    return Measure(**_measure(found), fisher_low=low, fisher_high=high)


def krcc(
    scores: ArrayLike, mos: ArrayLike, groups: ArrayLike | None = None, *, confidence: float = 0.95
) -> Estimate:
    """Kendall's tau-b of `scores` and `mos`, both (videos,), in -1…1, with its interval.

    `groups` (videos,) are contents; the jackknife leaves out one content at a time, or one video if
    None.
    """
    x, y = np.asarray(scores, dtype=float), np.asarray(mos, dtype=float)
    found = correlations(x, y)
    if found["srcc"] is None:
        return Estimate(None, None, None, found["reason"])
    value = float(kendalltau(x, y).statistic)
    numbers = group_numbers(groups, len(x))
    number = int(numbers.max()) + 1
    if reason := too_few_groups(number, len(x)):
        return Estimate(value, None, None, reason)
    agreeing, x_differ, y_differ = _leave_one_out(x, y, numbers)
    if (np.minimum(x_differ, y_differ) <= 0).any():
        return Estimate(value, None, None, "undefined if one group is left out: all are equal")
    without = np.clip(agreeing / np.sqrt(x_differ * y_differ), -1, 1)
    if abs(value) > 1 - 1e-12 or (np.abs(without) == 1).any():
        return Estimate(value, None, None, "perfect order: no error can be estimated")
    z = np.arctanh(without)  # Fisher's scale: tau's distribution is closer to normal there
    error = math.sqrt((number - 1) / number * float(((z - z.mean()) ** 2).sum()))
    half = float(student.ppf((1 + confidence) / 2, number - 1)) * error
    middle = math.atanh(value)
    return Estimate(value, math.tanh(middle - half), math.tanh(middle + half), None)


def _leave_one_out(x: Floats, y: Floats, groups: Integers) -> Floats:
    """Sums over ordered pairs of videos, leaving out each group in turn: (3, groups).

    The rows are concordance (1, 0 or -1), pairs that differ in x, and pairs that differ in y.
    """
    number = int(groups.max()) + 1
    total, touched, within = np.zeros(3), np.zeros((3, number)), np.zeros((3, number))
    for start in range(0, len(x), _ROWS):
        rows = slice(start, start + _ROWS)
        x_sign = np.sign(x[rows, None] - x)  # (rows, videos)
        y_sign = np.sign(y[rows, None] - y)
        same = groups[rows, None] == groups  # (rows, videos)
        for at, pairs in enumerate((x_sign * y_sign, np.abs(x_sign), np.abs(y_sign))):
            sums = pairs.sum(axis=1)
            total[at] += sums.sum()
            touched[at] += np.bincount(groups[rows], sums, number)  # pairs that start in the group
            own = np.einsum("rv,rv->r", pairs, same)
            within[at] += np.bincount(groups[rows], own, number)  # pairs inside the group
    # 2 * touched are pairs with a video in the group; pairs inside it are counted twice.
    return total[:, None] - 2 * touched + within


def draw_pairs(videos: int, generator: np.random.Generator) -> Integers:
    """Positions of the two videos of each pair, (videos // 2, 2); no video is in two pairs."""
    return generator.permutation(videos)[: videos // 2 * 2].reshape(-1, 2).astype(np.int64)


def pairwise_accuracy(
    scores: ArrayLike,
    mos: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    pairs: Integers,
    confidence: float = 0.95,
) -> Estimate:
    """Share of `pairs` (see `draw_pairs`) that `scores` and `mos` put in the same order, in 0…1.

    The interval is Wilson's. If pairs share contents, given as `groups` (videos,), the number of
    pairs is divided by their design effect, and the quantile is Student's t.
    """
    x, y = np.asarray(scores, dtype=float), np.asarray(mos, dtype=float)
    if (found := correlations(x, y))["srcc"] is None:
        return Estimate(None, None, None, found["reason"])
    pairs = pairs[y[pairs[:, 0]] != y[pairs[:, 1]]]
    if not len(pairs):
        return Estimate(None, None, None, "no pair of videos with different MOS")
    order = np.sign(x[pairs[:, 0]] - x[pairs[:, 1]]) * np.sign(y[pairs[:, 0]] - y[pairs[:, 1]])
    right = (order + 1) / 2  # 1 if right, 0.5 for a tie, 0 if wrong
    value = float(right.mean())
    numbers = group_numbers(groups, len(x))
    number = len(np.unique(numbers))
    if reason := too_few_groups(number, len(x)) or too_few_groups(len(pairs), len(pairs)):
        return Estimate(value, None, None, reason)
    alone = number == len(x)
    dof = (len(pairs) if alone else number) - 1
    wide = float(student.ppf((1 + confidence) / 2, dof))
    # Pairs with a common content are correlated, so they count as fewer independent pairs.
    effect = 1.0 if alone else _design_effect(right - value, numbers[pairs])
    return Estimate(value, *_wilson(value, len(pairs) / effect, wide), None)


def _design_effect(errors: Floats, contents: Integers) -> float:
    """Variance of the mean error with shared contents, divided by that of independent pairs.

    `errors` is (pairs,), `contents` (pairs, 2). Two pairs are correlated if they share a content.
    The sum over contents counts pairs that share both contents twice, so those are subtracted once.
    """
    alone = float((errors**2).sum())  # if pairs were independent
    if alone == 0:
        return 1.0
    ordered = np.sort(contents, axis=1)  # so that a pair of contents has one key
    number = int(contents.max()) + 1
    twice = ordered[:, 0] != ordered[:, 1]
    sums = np.bincount(ordered[:, 0], errors, number)
    sums += np.bincount(ordered[twice, 1], errors[twice], number)
    both = np.bincount(ordered[twice] @ np.array([number, 1]), errors[twice])
    together = float((sums**2).sum() - (both**2).sum()) * number / (number - 1)
    return max(1.0, together / alone)


def _wilson(share: float, n: float, wide: float) -> tuple[float, float]:
    """Wilson's interval (1927) of a share of n; `wide` is the quantile in standard errors."""
    square = wide * wide
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = wide / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
