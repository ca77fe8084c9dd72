"""Metrics of one run on one benchmark: SRCC, PLCC, and how many videos are missing.

Source: docs/method.md, section 6: correlations of raw predictions with raw MOS, no logistic fit
and no rescaling. `measures` contains these and others, each with its interval. This is the only
module that reads labels of test sets.

Departure from the released code: a video without a file or without a readable answer is counted
and left out of the correlations. The authors skip the former silently and score the latter 3.00.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from vqathinker.atomic import write_json
from vqathinker.datasets.card import Card, load_card
from vqathinker.errors import InputError
from vqathinker.evaluation.agreement import Measures, measure_agreement
from vqathinker.evaluation.measures import Correlations, ScoreMeasures, correlations, measure_score
from vqathinker.evaluation.origins import ABSENT, origin_of_metrics, require_complete, set_of
from vqathinker.evaluation.predictions import KINDS, read_predictions
from vqathinker.params import EvaluationParams, IntervalsParams, ScoreKind, SetParams
from vqathinker.parquet import read_columns
from vqathinker.policy.answer import STATUSES, AnswerStatus
from vqathinker.products import MANIFEST

_LABELS = ("video", "mos", "domain", "content", "status", "reason")
_REASONS: dict[str, str] = {
    "no_answer": "the completion holds no answer",
    "not_a_number": "the answer is not one number",
    "out_of_range": "the number lies out of range",
    "cut_off": "the completion was cut off before an answer",
    "ok": "no score of this kind",
}


class Metrics(Correlations, Measures):
    """Agreement of one run with one benchmark.

    `n` counts all rows of the label file: those with a score (`n_scored`), without a file
    (`n_missing`), that cannot be decoded (`n_damaged`), whose answer gives no score (`n_null`).
    `score` is the kind of score that all this is about, `by_score` has every kind that was kept.
    `answers` counts greedy answers by status, `samples` the drawn ones, if there are any.
    """

    run: str
    benchmark: str
    domain: str
    n: int
    n_missing: int
    n_damaged: int
    n_null: int
    n_scored: int
    not_scored: dict[str, str]
    score: ScoreKind
    by_score: dict[ScoreKind, ScoreMeasures]
    answers: dict[AnswerStatus, int]
    samples: dict[AnswerStatus, int]


def evaluate(
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    failures: Mapping[str, str],
    *,
    run: str,
    benchmark: str,
    intervals: IntervalsParams,
    score: ScoreKind = "greedy",
) -> Metrics:
    """Compare the predictions of one run with the labels of one benchmark.

    `predictions` are as `write_predictions` writes them, one row per decoded clip; `manifest` has
    video, mos, domain, content, status and reason, one row per label; `failures` maps videos that
    could not be decoded to the reason. A score that is not finite counts as null. `score` is the
    kind of the score in the column of that name.

    Raises:
        InputError: predictions and manifest do not fit together, or a label is not a number.
    """
    where = f"run {run} on {benchmark}"
    rows, predicted = manifest.set_index("video"), predictions.set_index("video")
    unreadable = _unreadable(rows, failures, where)
    readable = rows.index.difference(list(unreadable), sort=False)
    _check_videos(set(predicted.index), set(readable), where)
    if not np.isfinite(rows["mos"].astype(float)).all():  # a set without MOS
        raise InputError(f"{where}: the manifest has a MOS that is no number; make it again")
    predicted, labels = predicted.reindex(readable), rows.reindex(readable)
    mos, scored = labels["mos"].astype(float), np.isfinite(predicted["score"].astype(float))
    null = readable[~scored]
    scores, true = predicted["score"].astype(float)[scored].to_numpy(), mos[scored].to_numpy()
    contents = labels["content"][scored].to_numpy()
    missing = sum(status == "missing" for status, _ in unreadable.values())
    reasons = {video: reason for video, (_, reason) in unreadable.items()}
    status = predicted["parse_status"]
    return Metrics(
        run=run,
        benchmark=benchmark,
        domain=str(rows["domain"].iloc[0]),
        n=len(rows),
        n_missing=missing,
        n_damaged=len(unreadable) - missing,
        n_null=len(null),
        n_scored=int(scored.sum()),
        **correlations(scores, true),
        **measure_agreement(scores, true, contents, benchmark, intervals),
        not_scored=reasons | {video: _REASONS[status[video]] for video in null},
        score=score,
        by_score={
            kind: measure_score(predicted, mos, kind) for kind in KINDS if kind in predicted.columns
        },
        answers=_count(status),
        samples=_count(chain.from_iterable(predicted.get("sample_statuses", []))),
    )


def _count(statuses: Iterable[AnswerStatus]) -> dict[AnswerStatus, int]:
    counts = Counter(statuses)
    return {status: counts[status] for status in STATUSES} if counts else {}


def write_metrics(
    manifest: Path,
    predictions: Path,
    failures: Mapping[str, str],
    out: Path,
    *,
    intervals: IntervalsParams,
    allow_incomplete: bool = False,
) -> Metrics:
    """Evaluate a file of predictions and write the result as JSON, with its provenance.

    `failures` are the decode failures that the benchmark's clip store knows. The provenance is the
    predictions' own with what `origins.origin_of_metrics` adds.

    Raises:
        IncompleteBenchmarkError: videos of the benchmark are missing; not with `allow_incomplete`.
        InputError: as `evaluate`.
    """
    given = read_predictions(predictions)
    labels = read_columns(manifest, _LABELS, MANIFEST)
    if (name := set_of(manifest)) not in {None, given.benchmark}:
        raise InputError(
            f"{predictions}: predictions of {given.benchmark}, but {manifest} is of {name}; give "
            f"the manifest and clips of {given.benchmark}, or predictions of {name}"
        )
    if not allow_incomplete:
        require_complete(manifest, labels["status"])
    result = evaluate(
        given.table, labels, failures, run=given.run, benchmark=given.benchmark,
        intervals=intervals, score=given.score,
    )  # fmt: skip
    parameters = {"intervals": intervals.model_dump()}
    origin = origin_of_metrics(manifest, predictions, given.provenance, parameters)
    write_json(out, {**result, "provenance": origin})
    return result


def _unreadable(
    rows: pd.DataFrame, failures: Mapping[str, str], where: str
) -> dict[str, tuple[str, str]]:
    """Videos without a file or that cannot be decoded: id to (status, reason).

    Every status except "ok" and "missing" counts as damaged.
    """
    if strangers := set(failures) - set(rows.index):
        raise InputError(
            f"{where}: the manifest lacks videos of the clips {_first_few(strangers)}; make "
            "manifest and clips again"
        )
    bad = rows[rows["status"] != "ok"]
    known = {
        video: (status, str(reason) if isinstance(reason, str) else status)
        for video, status, reason in zip(bad.index, bad["status"], bad["reason"], strict=True)
    }
    return {video: ("damaged", reason) for video, reason in failures.items()} | known


def _check_videos(predicted: set[str], readable: set[str], where: str) -> None:
    if absent := readable - predicted:
        raise InputError(
            f"{where}: {len(absent)} readable videos have no prediction, such as "
            f"{_first_few(absent)}; run `vqathinker predict` again"
        )
    if strangers := predicted - readable:
        raise InputError(
            f"{where}: {len(strangers)} predictions are of videos that the manifest does not list "
            f"as readable, such as {_first_few(strangers)}; give the manifest of the predicted set"
        )


def _first_few(videos: set[str]) -> str:
    return ", ".join(sorted(videos)[:3])


def write_absent(
    run: str,
    benchmark: str,
    lacking: Sequence[str],
    data: SetParams,
    how: EvaluationParams,
    out: Path,
) -> Metrics:
    """Write the JSON of a run on a benchmark that cannot be scored because sets are absent.

    It has the keys of `write_metrics`. `n_missing` is `n`, the rows that the benchmark's card
    expects. `reason` says which set is absent and which command brings it. `not_scored` is empty,
    because no video is known.

    `lacking` names the absent sets: the benchmark, the training set, or both.

    Raises:
        CardError: a set has no card, or a wrong one.
        InputError: `lacking` is empty.
    """
    if not lacking:
        raise InputError(
            f"--lacking names no set; expected {benchmark}, the training set of run {run}, or both"
        )
    cards = Path(data.cards)
    reasons = {name: _reason(load_card(name, cards), benchmark) for name in lacking}
    card = load_card(benchmark, cards)
    rows = range(card.expected or data.counts[benchmark])
    # The metrics of a manifest in which every video is missing.
    manifest = pd.DataFrame({"video": [f"row {number}" for number in rows]}).assign(
        mos=0.0, domain=card.domain, status="missing", reason=None, content=None
    )
    predictions = pd.DataFrame(columns=["video", "score", "parse_status", *how.kinds])
    unused = IntervalsParams(resamples=100, seed=0, confidence=0.95)
    result = evaluate(
        predictions, manifest, {}, run=run, benchmark=benchmark, score=how.score, intervals=unused
    )
    reason = "; ".join(reasons.values())
    measures = {name: {**found, "reason": reason} for name, found in result["measures"].items()}
    origin = {"run": run, "benchmark": benchmark, ABSENT: reasons}
    changed = {"reason": reason, "measures": measures, "not_scored": {}, "provenance": origin}
    write_json(out, {**result, **changed})
    return result


def _reason(card: Card, benchmark: str) -> str:
    what = "" if card.name == benchmark else ", the training set,"
    names = [*([card.files_of] if card.files_of else []), card.name]
    command = " && ".join(f"vqathinker data fetch {name}" for name in names)
    first = ""
    if card.access.kind in {"manual", "token", "local"}:
        first = f"`vqathinker data status {card.name}` says what you do, then "
    return f"{card.name}{what} is not there: {first}`{command}` brings it"
