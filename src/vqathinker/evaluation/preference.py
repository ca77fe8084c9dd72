"""Temporal preference: how often a policy scores a clip above a perturbed copy of it.

A pair is a clip and one copy. Its outcome is 1 if the clip has the higher score, 0 if the copy has,
and one half if they tie; the preference is the mean outcome. A policy that ignores the order of the
frames reaches one half, whether it ties or guesses.

For the intervals videos are resampled, or contents with all their videos where several videos share
one. If all of these agree in every outcome, no resample can differ; the interval is then Wilson's
for n of n. docs/preference.md explains how to read it.
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
from vqathinker.evaluation.agreement import contents_of
from vqathinker.evaluation.intervals import Estimate, Resampled, few_groups, generator_of
from vqathinker.evaluation.origins import origin_of_metrics
from vqathinker.evaluation.pairs import outcomes
from vqathinker.evaluation.predictions import RAW, read_predictions
from vqathinker.evaluation.resampling import group_numbers, resample_counts
from vqathinker.params import IntervalsParams
from vqathinker.parquet import read_columns
from vqathinker.products import MANIFEST, PERTURBED

ALL = "all"  # kinds together


class KindPreference(TypedDict):
    """Pairs of one kind of perturbation.

    `n` pairs have two scores, `n_null` lack one. `preference` 0…1, `ties` the share of pairs of
    equal score, `difference` the mean of what the clip's score is above the copy's.
    """

    n: int
    n_null: int
    preference: Estimate
    ties: float | None
    difference: Estimate


def mean_with_interval(
    values: ArrayLike, groups: ArrayLike, generator: np.random.Generator, how: IntervalsParams, *,
    videos: int | None = None, shares: bool = False,
) -> Estimate:  # fmt: skip
    """Mean of finite `values` (n,), and its interval over resampled `groups` (n,).

    The interval is None, with the reason, if there are too few groups or all resamples are equal.
    `videos` is the number of videos, if not that of values. With `shares`, values are outcomes
    0…1, and the interval of a mean of 0 or 1 is Wilson's.
    """
    x = np.asarray(values, dtype=float)
    if not len(x):
        return Estimate(None, None, None, "no pair with two scores")
    numbers = group_numbers(groups, len(x))
    number, value = int(numbers.max()) + 1, float(x.mean())
    if reason := few_groups(number, videos or len(x)):
        return Estimate(value, None, None, reason)
    if shares and value in {0.0, 1.0}:
        test = binomtest(int(number * value), number)
        low, high = test.proportion_ci(how.confidence, method="wilson")
        return Estimate(value, float(low), float(high), None)
    blocks = resample_counts(numbers, how.resamples, generator)
    replicates = np.concatenate([x @ counts / counts.sum(axis=0) for counts in blocks])
    return Resampled(value, replicates, len(x), number - 1).estimate(how.confidence)


def measure_preference(
    table: pd.DataFrame, kinds: Sequence[str], groups: pd.Series, how: IntervalsParams
) -> dict[str, KindPreference]:
    """Preference by kind of perturbation, in the order of `kinds`, then of all of them together.

    Args:
        table: columns video, kind and score of clips (kind `raw`) and of their copies.
        kinds: those that copies were made of.
        groups: video to what is resampled with it, its content or itself.
        how: `metrics.intervals` of params.yaml.
    """
    scores = table.pivot(index="video", columns="kind", values="score").astype(float)
    scores = scores.reindex(columns=[RAW, *kinds])
    pairs = scores.melt(id_vars=RAW, var_name="kind", ignore_index=False).reset_index()
    pairs["group"] = pairs["video"].map(groups)
    found = {kind: _measure(pairs[pairs["kind"] == kind], how) for kind in kinds}
    return {**found, ALL: _measure(pairs, how)}


def _measure(pairs: pd.DataFrame, how: IntervalsParams) -> KindPreference:
    whole = pairs.dropna(subset=[RAW, "value"])
    videos = whole["video"].nunique()
    won = outcomes(whole[RAW], whole["value"])
    first, second = (generator_of(how.seed, name) for name in ("preference", "difference"))
    return KindPreference(
        n=len(whole),
        n_null=len(pairs) - len(whole),
        preference=mean_with_interval(won, whole["group"], first, how, videos=videos, shares=True),
        ties=float((won == 0.5).mean()) if len(whole) else None,
        difference=mean_with_interval(
            whole[RAW] - whole["value"], whole["group"], second, how, videos=videos
        ),
    )


def write_preference(
    manifest: Path, perturbed: Path, out: Path, how: IntervalsParams
) -> dict[str, Any]:
    """Measure the predictions of one run on one benchmark and write the result as JSON.

    Keys: run, benchmark, score (its kind), videos, resampled_by (video or content), n_groups,
    kinds, which maps each kind of perturbation, and `all`, to a `KindPreference`, and provenance.

    Raises:
        InputError: these are no predictions on perturbed copies, or the manifest lacks a video.
    """
    given = read_predictions(perturbed)
    if not {"perturbations", "seed"} <= given.provenance.keys():
        raise InputError(f"{perturbed}: predictions on clips as they are; expected {PERTURBED}")
    # Without a row, predictions have no column `kind`.
    table = given.table.reindex(columns=["video", "kind", "score"])
    rows = read_columns(manifest, ["video", "content"], MANIFEST)
    contents = rows.set_index("video")["content"]
    videos = table["video"].drop_duplicates()
    if lacking := sorted(set(videos) - set(contents.index)):
        raise InputError(f"{manifest}: has no video {lacking[0]!r}; expected {MANIFEST}")
    found = contents_of(contents.reindex(videos))
    groups = pd.Series(videos.to_numpy() if found is None else found, index=videos, dtype=str)
    kinds = measure_preference(table, given.provenance["perturbations"]["kinds"], groups, how)
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
        "provenance": origin_of_metrics(
            manifest, perturbed, given.provenance, {"intervals": how.model_dump()}
        ),
    }  # fmt: skip
    write_json(out, result)
    return result
