"""Temporal preference: how often a policy scores a clip above a perturbed copy of it.

A pair is a clip and one copy. Its outcome is 1 if the clip has the higher score, 0 if the copy has,
and 0.5 for a tie. The preference is the mean outcome. A policy that ignores the order of frames
reaches 0.5, whether it ties or guesses.

Intervals resample videos, or contents with all their videos if several videos share one. If all
outcomes are equal, no resample differs; the interval is then Wilson's for n of n.
docs/preference.md explains the interpretation.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from vqathinker.atomic import write_json
from vqathinker.errors import InputError
from vqathinker.evaluation.agreement import resampling_contents
from vqathinker.evaluation.intervals import (
    Estimate,
    Statistic,
    generator_for,
    too_few_groups,
)
from vqathinker.evaluation.origins import metrics_provenance
from vqathinker.evaluation.pairs import outcomes
from vqathinker.evaluation.predictions import RAW, read_predictions
from vqathinker.evaluation.resampling import group_numbers, resample_counts
from vqathinker.params import IntervalsParams
from vqathinker.parquet import read_columns
from vqathinker.products import MANIFEST, PERTURBED

ALL_KINDS = "all"  # all kinds together


class KindPreference(TypedDict):
    """Pairs of one kind of perturbation.

    `n` pairs have two scores, `n_no_score` lack at least one. `preference` is in 0…1, `ties` is the
    share of ties, and `difference` the mean score of the clip minus that of the copy.
    """

    n: int
    n_no_score: int
    preference: Estimate
    ties: float | None
    difference: Estimate


def mean_with_interval(
    values: ArrayLike, groups: ArrayLike, generator: np.random.Generator,
    params: IntervalsParams, *, videos: int | None = None, shares: bool = False,
) -> Estimate:  # fmt: skip
    """Mean of finite `values` (n,), with an interval from resampled `groups` (n,).

    There is no interval, but a reason, if there are too few groups or all resamples are equal.
    `videos` is the number of videos, if it differs from the number of values. With `shares`, values
    are outcomes in 0…1, and a mean of 0 or 1 has Wilson's interval.
    """
    x = np.asarray(values, dtype=float)
    if not len(x):
        return Estimate(None, None, None, "no pair with two scores")
    numbers = group_numbers(groups, len(x))
    number, value = int(numbers.max()) + 1, float(x.mean())
    if reason := too_few_groups(number, videos or len(x)):
        return Estimate(value, None, None, reason)
    # All resamples would be equal, which says nothing about the interval.
    if shares and value in {0.0, 1.0}:
        test = binomtest(int(number * value), number)
        low, high = test.proportion_ci(params.confidence, method="wilson")
        return Estimate(value, float(low), float(high), None)
    blocks = resample_counts(numbers, params.resamples, generator)
    replicates = np.concatenate([x @ counts / counts.sum(axis=0) for counts in blocks])
    return Statistic(value, replicates, len(x), number - 1).estimate(params.confidence)


def measure_preference(
    table: pd.DataFrame, kinds: Sequence[str], groups: pd.Series, params: IntervalsParams
) -> dict[str, KindPreference]:
    """Preference by kind of perturbation, in the order of `kinds`, then of all kinds together.

    Args:
        table: columns video, kind and score of clips (kind `raw`) and their copies.
        kinds: the kinds of perturbation.
        groups: video to the group it is resampled with: its content or itself.
        params: `metrics.intervals` of params.yaml.
    """
    scores = table.pivot(index="video", columns="kind", values="score").astype(float)
    scores = scores.reindex(columns=[RAW, *kinds])  # a kind without rows becomes NaN
    pairs = scores.melt(id_vars=RAW, var_name="kind", ignore_index=False).reset_index()
    pairs["group"] = pairs["video"].map(groups)
    found = {kind: _measure(pairs[pairs["kind"] == kind], params) for kind in kinds}
    return {**found, ALL_KINDS: _measure(pairs, params)}


def _measure(pairs: pd.DataFrame, params: IntervalsParams) -> KindPreference:
    whole = pairs.dropna(subset=[RAW, "value"])
    videos = whole["video"].nunique()
    won = outcomes(whole[RAW], whole["value"])
    first, second = (generator_for(params.seed, name) for name in ("preference", "difference"))
    return KindPreference(
        n=len(whole),
        n_no_score=len(pairs) - len(whole),
        preference=mean_with_interval(
            won, whole["group"], first, params, videos=videos, shares=True
        ),
        ties=float((won == 0.5).mean()) if len(whole) else None,
        difference=mean_with_interval(
            whole[RAW] - whole["value"], whole["group"], second, params, videos=videos
        ),
    )


def write_preference(
    manifest: Path, perturbed: Path, out: Path, params: IntervalsParams
) -> dict[str, Any]:
    """Measure the predictions of one run on one benchmark and write the result as JSON.

    Keys: run, benchmark, score (its kind), videos, resampled_by (video or content), n_groups,
    provenance, and kinds, which maps each kind of perturbation and `all` to a `KindPreference`.

    Raises:
        InputError: the predictions have no perturbed copies, or the manifest lacks a video.
    """
    given = read_predictions(perturbed)
    if not {"perturbations", "seed"} <= given.provenance.keys():
        raise InputError(f"{perturbed}: predictions without perturbed copies; expected {PERTURBED}")
    # Predictions without rows have no column `kind`.
    table = given.table.reindex(columns=["video", "kind", "score"])
    rows = read_columns(manifest, ["video", "content"], MANIFEST)
    contents = rows.set_index("video")["content"]
    videos = table["video"].drop_duplicates()
    if missing := sorted(set(videos) - set(contents.index)):
        raise InputError(f"{manifest}: has no video {missing[0]!r}; expected {MANIFEST}")
    found = resampling_contents(contents.reindex(videos))
    groups = pd.Series(videos.to_numpy() if found is None else found, index=videos, dtype=str)
    kinds = measure_preference(table, given.provenance["perturbations"]["kinds"], groups, params)
    result: dict[str, Any] = {
        "run": given.run,
        "benchmark": given.benchmark,
        "score": given.score,
        "videos": len(videos),
        "resampled_by": "video" if found is None else "content",
        "n_groups": groups.nunique(),
        "kinds": {
            kind: {**one, "preference": one["preference"]._asdict(),
                   "difference": one["difference"]._asdict()}
            for kind, one in kinds.items()
        },
        "provenance": metrics_provenance(
            manifest, perturbed, given.provenance, {"intervals": params.model_dump()}
        ),
    }  # fmt: skip
    write_json(out, result)
    return result
