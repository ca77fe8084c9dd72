"""How good answers in words are: overlap with a reference, and what a judge says of them.

A value is a mean over questions, its interval Student's t. An answer that could not be read scores
0 and is asked no judge about; of a readable one without any readable verdict nothing is known, and
it is left out and counted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from statistics import fmean

import numpy as np
from scipy.stats import sem, t

from vqathinker.evaluation.understanding.accuracy import Answered
from vqathinker.evaluation.understanding.judge import CRITERIA
from vqathinker.evaluation.understanding.judging import Judged
from vqathinker.evaluation.understanding.overlap import rouge_l
from vqathinker.evaluation.understanding.rows import Row, row_of

__all__ = ["NOT_JUDGED", "judged_rows", "overlap_row", "score_rows"]

NOT_JUDGED = "judge is null in params.yaml: nobody judges answers in words"
_BEST = 2  # of 0, 1, 2


def overlap_row(answered: Sequence[Answered]) -> Row:
    """ROUGE-L, mean over open questions."""
    values = [rouge_l(told["said"] or "", q.right or "") for q, told in answered]
    return _mean("rouge_l", "overall", "", values, _unread(answered))


def judged_rows(answered: Sequence[Answered], judged: Judged | None) -> Iterator[Row]:
    """Mean of all verdicts 0..1, then of each criterion, then verdicts by status."""
    if judged is None:
        yield row_of("judged", "overall", "", reason=NOT_JUDGED)
        return
    for place, name in enumerate(("", *CRITERIA)):
        values = _judged(answered, judged, None if not name else place - 1)
        known = [value for value in values if value is not None]
        failed = _unread(answered) + len(values) - len(known)
        yield _mean("judged", "criterion" if name else "overall", name, known, failed)
    for status, count in sorted(Counter(row["status"] for row in judged.rows).items()):
        yield row_of(
            "verdicts", "status", status, n=len(judged.rows), value=count / len(judged.rows)
        )


def score_rows(answered: Sequence[Answered], judged: Judged | None) -> Iterator[Row]:
    """Right answers and judged ones together, as Q-Bench-Video has it: overall, and by concern."""
    if judged is None:
        yield row_of("score", "overall", "", reason=NOT_JUDGED)
        return
    values = _judged(answered, judged, None)
    groups: dict[tuple[str, str], list[float | None]] = defaultdict(list)
    for (question, told), verdict in zip(answered, values, strict=True):
        value = float(told["said"] == question.right) if question.kind == "choice" else verdict
        parts = [part for part in question.parts if part[0] == "concern"]
        for part in [("overall", ""), *parts]:
            groups[part].append(value)
    for (kind, name), members in groups.items():
        known = [value for value in members if value is not None]
        yield _mean("score", kind, name, known, len(members) - len(known))


def _judged(answered: Sequence[Answered], judged: Judged, place: int | None) -> list[float | None]:
    """Of each question the mean over rounds, of all criteria or of one, 0..1; None: not known."""
    rounds: dict[int, list[float]] = defaultdict(list)
    for row in judged.rows:
        if row["status"] == "ok":
            scores = row["scores"] if place is None else [row["scores"][place]]
            rounds[row["question"]].append(fmean(scores) / _BEST)
    return [
        0.0 if told["status"] != "ok"
        else fmean(rounds[question.number]) if question.number in rounds
        else None
        for question, told in answered
    ]  # fmt: skip


def _unread(answered: Sequence[Answered]) -> int:
    return sum(told["status"] != "ok" for _, told in answered)


def _mean(measure: str, part: str, name: str, values: Sequence[float], failed: int) -> Row:
    if not values:
        return row_of(measure, part, name, n_failed=failed, reason="no answers to count")
    known = {"n": len(values), "n_failed": failed, "value": fmean(values)}
    if np.ptp(values) == 0:
        return row_of(measure, part, name, **known)  # without a spread there is no interval
    low, high = t.interval(0.95, len(values) - 1, loc=known["value"], scale=sem(values))
    return row_of(measure, part, name, **known, low=float(low), high=float(high))
