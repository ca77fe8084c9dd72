"""Accuracy of answers to questions with options, and where in the list the answers stand.

Every question whose video is there counts: an answer that cannot be read is not a right one. The
interval is Wilson's, by scipy. `chance` is what drawing one of the options has on average;
`majority` what naming the commonest right option would have, where it is among the options.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scipy.stats import binomtest

from vqathinker.evaluation.understanding.question import LETTERS, Question
from vqathinker.evaluation.understanding.rows import Row, row_of

__all__ = ["Answered", "accuracy_rows", "position_rows"]

Answered = tuple[Question, Mapping[str, Any]]  # a question, and its row of the answers


def accuracy_rows(answered: Sequence[Answered]) -> Iterator[Row]:
    """Accuracy overall, then by each of the parts that questions have."""
    yield _accuracy("overall", "", answered)
    groups: dict[tuple[str, str], list[Answered]] = defaultdict(list)
    for pair in answered:
        for part in pair[0].parts:
            groups[part].append(pair)
    for (kind, name), members in sorted(groups.items()):
        yield _accuracy(kind, name, members)


def position_rows(answered: Sequence[Answered]) -> Iterator[Row]:
    """Accuracy by the place of the right option, and the share of answers that name each place.

    Without a position bias the shares are those of chance, whatever a policy knows: right options
    are shuffled.
    """
    if not answered:
        return
    most = max(len(told["shown"]) for _, told in answered)
    named = Counter(told["shown"].index(told["said"]) for _, told in answered if told["said"])
    for place in range(most):
        at = [pair for pair in answered if _right_place(pair) == place]
        yield _accuracy("position", LETTERS[place], at)
    for place in range(most):
        offered = [1 / len(told["shown"]) for _, told in answered if place < len(told["shown"])]
        yield _proportion(
            "answer_share", "position", LETTERS[place], named[place], sum(named.values()), 0,
            chance=sum(offered) / len(answered),
        )  # fmt: skip


def _right_place(pair: Answered) -> int:
    question, told = pair
    return list(told["shown"]).index(question.right)


def _accuracy(part: str, name: str, answered: Sequence[Answered]) -> Row:
    right = sum(told["said"] == question.right for question, told in answered)
    failed = sum(told["status"] != "ok" for _, told in answered)
    n = len(answered)
    chance = sum(1 / len(question.options) for question, _ in answered) / n if n else None
    return _proportion("accuracy", part, name, right, n, failed, chance) | (
        {"majority": _majority(answered)} if part == "overall" else {}
    )


def _majority(answered: Sequence[Answered]) -> float | None:
    """Of a policy that names, of a question's options, the one that is right most often."""
    if not answered:
        return None
    often = Counter(question.right for question, _ in answered)
    guesses = [max(question.options, key=lambda o: (often[o], o)) for question, _ in answered]
    hits = [q.right == guess for (q, _), guess in zip(answered, guesses, strict=True)]
    return sum(hits) / len(hits)


def _proportion(
    measure: str, part: str, name: str, right: int, n: int, failed: int, chance: float | None
) -> Row:
    if not n:
        return row_of(measure, part, name, reason="no answers to count")
    found = binomtest(right, n).proportion_ci(0.95, method="wilson")
    return row_of(
        measure, part, name, n=n, n_failed=failed, value=right / n, low=float(found.low),
        high=float(found.high), chance=chance,
    )  # fmt: skip
