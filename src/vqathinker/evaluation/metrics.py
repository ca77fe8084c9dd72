"""Metrics of one run on one benchmark: correlations, and counts of videos without a score.

Source: docs/method.md, section 6: correlations of raw predictions with raw MOS, without logistic
fit or rescaling. `measures` contains these and others, each with its interval. Only this module
reads labels of test sets.

Departure from the released code: a video without a file or without a valid answer is counted and
left out of the correlations. The authors skip the former silently and score the latter 3.00.
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
from vqathinker.evaluation.origins import (
    HELD_OUT,
    MISSING_SETS,
    metrics_provenance,
    require_complete,
    set_name,
)
from vqathinker.evaluation.predictions import SCORE_KINDS, read_predictions
from vqathinker.params import EvaluationParams, IntervalsParams, ScoreKind, SetParams
from vqathinker.parquet import read_columns
from vqathinker.policy.answer import STATUSES, AnswerStatus
from vqathinker.products import MANIFEST

_LABELS = ("video", "mos", "domain", "content", "status", "reason")
_REASONS: dict[str, str] = {
    "no_answer": "the completion has no answer",
    "not_a_number": "the answer is not one number",
    "out_of_range": "the number is out of range",
    "truncated": "the completion reached its maximum length before an answer",
    "ok": "no score of this kind",
}


class Metrics(Correlations, Measures):
    """Agreement of one run with one benchmark.

    `n` counts all rows of the label file: rows with a score (`n_scored`), without a file
    (`n_missing`), with a video that cannot be decoded (`n_damaged`), and with an answer that gives
    no score (`n_no_score`). `score` is the kind of score that the correlations use; `by_score` has
    every computed kind. `answers` counts greedy answers by status, `samples` counts sampled
    answers.
    """

    run: str
    benchmark: str
    domain: str
    n: int
    n_missing: int
    n_damaged: int
    n_no_score: int
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

    `predictions` has one row per decoded clip, as in `predictions.write_predictions`. `manifest`
    has one row per label: video, mos, domain, content, status, reason. `failures` maps videos that
    could not be decoded to the reason. A score that is not finite counts as missing. `score` names
    the kind of score in the column `score`.

    Raises:
        InputError: predictions and manifest do not match, or a label is not a number.
    """
    where = f"run {run} on {benchmark}"
    rows, predicted = manifest.set_index("video"), predictions.set_index("video")
    unreadable = _unreadable(rows, failures, where)
    readable = rows.index.difference(list(unreadable), sort=False)
    _check_videos(set(predicted.index), set(readable), where)
    if not np.isfinite(rows["mos"].astype(float)).all():  # a set without MOS
        raise InputError(f"{where}: the manifest has a MOS that is not a number; make it again")
    predicted, labels = predicted.reindex(readable), rows.reindex(readable)  # one order for both
    mos, scored = labels["mos"].astype(float), np.isfinite(predicted["score"].astype(float))
    unscored = readable[~scored]
    scores, true = predicted["score"].astype(float)[scored].to_numpy(), mos[scored].to_numpy()
    contents = labels["content"][scored].to_numpy()  # (scored videos,)
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
        n_no_score=len(unscored),
        n_scored=int(scored.sum()),
        **correlations(scores, true),
        **measure_agreement(scores, true, contents, benchmark, intervals),
        not_scored=reasons | {video: _REASONS[status[video]] for video in unscored},
        score=score,
        by_score={
            kind: measure_score(predicted, mos, kind) for kind in SCORE_KINDS if kind in predicted
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

    `failures` are the decoding failures in the benchmark's clip store. If the policy was trained on
    the benchmark, only the videos that it held out count. See `origins.metrics_provenance` for the
    provenance.

    Raises:
        IncompleteBenchmarkError: videos are missing, and `allow_incomplete` is False.
        InputError: see `evaluate`.
    """
    given = read_predictions(predictions)
    labels = read_columns(manifest, _LABELS, MANIFEST)
    if (name := set_name(manifest)) not in {None, given.benchmark}:
        raise InputError(
            f"{predictions}: predictions on {given.benchmark}, but {manifest} lists {name}; give "
            f"the manifest and the clips of {given.benchmark}, or predictions on {name}"
        )
    if not allow_incomplete:
        require_complete(manifest, labels["status"])
    if HELD_OUT in given.provenance:
        labels = labels[labels["video"].isin(given.provenance[HELD_OUT])]
        failures = {}  # the videos were drawn from decoded ones
    result = evaluate(
        given.table, labels, failures, run=given.run, benchmark=given.benchmark,
        intervals=intervals, score=given.score,
    )  # fmt: skip
    parameters = {"intervals": intervals.model_dump()}
    origin = metrics_provenance(manifest, predictions, given.provenance, parameters)
    write_json(out, {**result, "provenance": origin})
    return result


def _unreadable(
    rows: pd.DataFrame, failures: Mapping[str, str], where: str
) -> dict[str, tuple[str, str]]:
    """Videos that are missing or cannot be decoded: id to (status, reason).

    Every status except "ok" and "missing" counts as damaged.
    """
    if unknown := set(failures) - set(rows.index):
        raise InputError(
            f"{where}: clips of videos that the manifest does not list: {_first_few(unknown)}; "
            "make the manifest and the clips again"
        )
    bad = rows[rows["status"] != "ok"]
    known = {
        video: (status, str(reason) if isinstance(reason, str) else status)
        for video, status, reason in zip(bad.index, bad["status"], bad["reason"], strict=True)
    }
    return {video: ("damaged", reason) for video, reason in failures.items()} | known


def _check_videos(predicted: set[str], readable: set[str], where: str) -> None:
    if missing := readable - predicted:
        raise InputError(
            f"{where}: {len(missing)} readable videos have no prediction, such as "
            f"{_first_few(missing)}; run `vqathinker predict` again"
        )
    if unknown := predicted - readable:
        raise InputError(
            f"{where}: {len(unknown)} predictions on videos that the manifest does not list as "
            f"readable, such as {_first_few(unknown)}; give the manifest of the predicted set"
        )


def _first_few(videos: set[str]) -> str:
    return ", ".join(sorted(videos)[:3])


def write_missing_set_metrics(
    run: str,
    benchmark: str,
    missing: Sequence[str],
    data: SetParams,
    settings: EvaluationParams,
    out: Path,
) -> Metrics:
    """Write the metrics of a run on a benchmark that cannot be scored because sets are missing.

    The JSON has the keys of `write_metrics`. `n_missing` equals `n`, the number of rows that the
    benchmark's card expects. `reason` names the missing sets and the commands that download them.
    `not_scored` is empty, because no video is known.

    `missing` names the missing sets: the benchmark, the training set, or both.

    Raises:
        CardError: a set has no valid card.
    """
    cards = Path(data.cards)
    reasons = {name: _reason(load_card(name, cards), benchmark) for name in missing}
    card = load_card(benchmark, cards)
    rows = range(card.expected or data.counts[benchmark])
    # Metrics of a manifest in which every video is missing have the right keys and counts.
    manifest = pd.DataFrame({"video": [f"row {number}" for number in rows]}).assign(
        mos=0.0, domain=card.domain, status="missing", reason=None, content=None
    )
    predictions = pd.DataFrame(columns=["video", "score", "parse_status", *settings.kinds])
    unused = IntervalsParams(resamples=100, seed=0, confidence=0.95)
    about = {"run": run, "benchmark": benchmark}
    result = evaluate(predictions, manifest, {}, **about, score=settings.score, intervals=unused)
    reason = "; ".join(reasons.values())
    measures = {name: {**found, "reason": reason} for name, found in result["measures"].items()}
    origin = {**about, MISSING_SETS: reasons}
    changed = {"reason": reason, "measures": measures, "not_scored": {}, "provenance": origin}
    write_json(out, {**result, **changed})
    return result


def _reason(card: Card, benchmark: str) -> str:
    what = "" if card.name == benchmark else ", the training set,"
    names = [*([card.files_of] if card.files_of else []), card.name]
    command = " && ".join(f"vqathinker data fetch {name}" for name in names)
    first = ""
    if card.access.kind in {"manual", "token", "local"}:
        first = f"follow `vqathinker data status {card.name}`, then "
    return f"{card.name}{what} is missing: {first}run `{command}`"
