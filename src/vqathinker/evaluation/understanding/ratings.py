"""How ratings of single attributes agree with what observers say of them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from vqathinker.evaluation.measures import correlations
from vqathinker.evaluation.understanding.accuracy import Answered
from vqathinker.evaluation.understanding.rows import Row, row_of

__all__ = ["rating_rows"]


def rating_rows(answered: Sequence[Answered]) -> Iterator[Row]:
    """SRCC overall, the mean of all attributes', then of each attribute; chance is 0.

    Without one of the attributes there is no mean: one over fewer would look like one over all.
    """
    groups: dict[str, list[Answered]] = defaultdict(list)
    for pair in answered:
        groups[dict(pair[0].parts)["dimension"]].append(pair)
    rows = [_correlation(name, members) for name, members in groups.items()]
    values = [row["value"] for row in rows if row["value"] is not None]
    whole = len(values) == len(rows)
    yield row_of(
        "srcc", "overall", "", n=sum(row["n"] for row in rows),
        n_failed=sum(row["n_failed"] for row in rows), chance=0.0,
        value=sum(values) / len(values) if whole and values else None,
        reason=None if whole else f"no SRCC of {len(rows) - len(values)} attributes",
    )  # fmt: skip
    yield from rows


def _correlation(name: str, answered: Sequence[Answered]) -> Row:
    scored = [
        (told["score"], question.mos)
        for question, told in answered
        if told["score"] is not None and question.mos is not None
    ]
    found = correlations([score for score, _ in scored], [mos for _, mos in scored])
    return row_of(
        "srcc", "dimension", name, n=len(answered), n_failed=len(answered) - len(scored),
        value=found["srcc"], chance=0.0, reason=found["reason"],
    )  # fmt: skip
