"""Measure the answers to a task. Only this module compares them with the right ones.

Source: docs/method.md, section 7.

Every question whose video has a clip counts; an unreadable answer is not right. The interval of an
accuracy is Wilson's, from scipy. `chance` is the accuracy of drawing an option at random;
`majority` that of always naming the most common right option, where it is among the options.

Open answers are compared with a reference by ROUGE-L (Lin, "ROUGE: A Package for Automatic
Evaluation of Summaries", 2004, section 3.1, with β = 1), and by a judge. A value is a mean over
questions with Student's t interval. An unreadable answer scores 0 without asking the judge. A
readable answer without any readable verdict is unknown: it is left out and counted.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

import numpy as np
from scipy.stats import binomtest, sem, t

from vqathinker.atomic import write_json
from vqathinker.errors import InputError
from vqathinker.evaluation.measures import correlations
from vqathinker.evaluation.origins import named, versions_of
from vqathinker.evaluation.understanding.answers import Answers, read_answers
from vqathinker.evaluation.understanding.judge import CRITERIA, Judged, read_judged
from vqathinker.evaluation.understanding.questions import LETTERS, Question, read_task
from vqathinker.hashing import code_digest, sha256_of_file
from vqathinker.params import QuestionKind, TaskParams

_KINDS: tuple[QuestionKind, ...] = get_args(QuestionKind)
# n: questions (or answers) that the value is over, n_failed: of these without a readable answer;
# value with low and high, its 95 % interval; chance: what knowing nothing has; reason: why there is
# no value.
COLUMNS = ("measure", "part", "name", "n", "n_failed", "value", "low", "high", "chance",
           "majority", "reason")  # fmt: skip
Row = dict[str, Any]
Answered = tuple[Question, Mapping[str, Any]]  # a question, and its row of the answers
NOT_JUDGED = "judge is null in params.yaml: nobody judges answers in words"
_BEST = 2  # of 0, 1, 2


def write_measures(
    task: TaskParams, questions: Path, answers: Path, out: Path, judged: Path | None = None
) -> dict[str, Any]:
    """Measure a file of answers and write the result as JSON, with its provenance.

    `judged` is the file of verdicts on these answers, if a judge was asked.

    Raises:
        InputError: answers, questions and verdicts do not fit together.
    """
    given = read_answers(answers)
    verdicts = None if judged is None else read_judged(judged)
    if verdicts and verdicts.head["answers_sha256"] != sha256_of_file(answers):
        raise InputError(
            f"{judged}: is about other answers than {answers}; judge these with `vqathinker "
            "understanding judge`"
        )
    asked = read_task(task.kind, questions)
    result = {
        "run": given.run, "task": given.task, "kind": task.kind, "set": task.set,
        "reading": given.provenance["asking"]["answer_by"],
        "n": len(given.rows),
        "statuses": dict(sorted(Counter(row["status"] for row in given.rows).items())),
        "rows": measure_task(asked, given, f"{answers} and {questions}", verdicts),
        "provenance": {
            **given.provenance, "judge": None if verdicts is None else verdicts.head,
            "made_from": {
                "answers": named(answers), "questions": named(questions),
                "code": code_digest(),
                "versions": versions_of("scipy"),
            },
        },
    }  # fmt: skip
    write_json(out, result)
    return result


def measure_task(
    questions: Sequence[Question], given: Answers, where: str, judged: Judged | None = None
) -> list[Row]:
    """Every row that can be made of the answers to these questions.

    A question whose video has no clip was not asked and counts in no row.

    Raises:
        InputError: an answer is to no question of the task, or to another video.
    """
    known = {question.number: question for question in questions}
    pairs = []
    for row in given.rows:
        question = known.get(row["question"])
        if question is None or "_cat_".join(question.videos) != row["video"]:
            raise InputError(
                f"{where}: question {row['question']} on {row['video']} is none of the task's "
                f"{len(known)}; ask again with `vqathinker understanding ask`"
            )
        if row["status"] != "no_clip":
            pairs.append((question, row))
    return list(_rows(pairs, judged))


def _rows(pairs: Sequence[Answered], judged: Judged | None) -> Iterator[Row]:
    kinds = {kind: [pair for pair in pairs if pair[0].kind == kind] for kind in _KINDS}
    if kinds["choice"]:
        yield from accuracy_rows(kinds["choice"])
        yield from position_rows(kinds["choice"])
    if kinds["rating"]:
        yield from rating_rows(kinds["rating"])
    if kinds["open"]:
        yield overlap_row(kinds["open"])
        yield from judged_rows(kinds["open"], judged)
    if kinds["open"] and kinds["choice"]:
        yield from score_rows(pairs, judged)
    parts = {part for question, _ in pairs for part, _ in question.parts}
    if "type" in parts and "concern" not in parts:
        yield row_of("accuracy", "concern", "", reason="the file of questions names no concerns")
    if not pairs:
        yield row_of("accuracy", "overall", "", reason="no question has a clip")


def row_of(measure: str, part: str, name: str, **known: Any) -> Row:
    """A row with what is known of it, and None in all other columns.

    >>> row_of("accuracy", "overall", "", n=3)["value"] is None
    True
    """
    blank: Row = dict.fromkeys(COLUMNS)
    return blank | {"measure": measure, "part": part, "name": name, **known}


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
    shown = [list(answer["shown"]) for _, answer in answered]
    right = [options.index(q.right) for (q, _), options in zip(answered, shown, strict=True)]
    named = Counter(
        answer["shown"].index(answer["said"]) for _, answer in answered if answer["said"]
    )
    places = range(max(map(len, shown)))
    for place in places:
        at = [pair for pair, its in zip(answered, right, strict=True) if its == place]
        yield _accuracy("position", LETTERS[place], at)
    for place in places:
        offered = [1 / len(options) for options in shown if place < len(options)]
        yield _proportion(
            "answer_share", "position", LETTERS[place], named[place], sum(named.values()), 0,
            chance=sum(offered) / len(answered),
        )  # fmt: skip


def _accuracy(part: str, name: str, answered: Sequence[Answered]) -> Row:
    right = sum(answer["said"] == question.right for question, answer in answered)
    failed = sum(answer["status"] != "ok" for _, answer in answered)
    n = len(answered)
    chance = sum(1 / len(question.options) for question, _ in answered) / n if n else None
    row = _proportion("accuracy", part, name, right, n, failed, chance)
    return row | ({"majority": _majority(answered)} if part == "overall" else {})


def _majority(answered: Sequence[Answered]) -> float:
    """Accuracy of always naming the option that is right most often."""
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
        (answer["score"], question.mos)
        for question, answer in answered
        if answer["score"] is not None and question.mos is not None
    ]
    found = correlations([score for score, _ in scored], [mos for _, mos in scored])
    return row_of(
        "srcc", "dimension", name, n=len(answered), n_failed=len(answered) - len(scored),
        value=found["srcc"], chance=0.0, reason=found["reason"],
    )  # fmt: skip


def words(text: str) -> list[str]:
    """Runs of letters and digits in lower case, without stemming."""
    return re.findall(r"[^\W_]+", text.casefold())


def rouge_l(answer: str, reference: str) -> float:
    """F of precision and recall of the longest common subsequence of words, 0..1.

    >>> round(rouge_l("police kill the gunman", "police killed the gunman"), 3)
    0.75
    """
    first, second = words(answer), words(reference)
    if not first or not second:
        return 0.0
    above = [0] * (len(second) + 1)  # lengths of common subsequences, a row for each word
    for word in first:
        row = [0]
        for place, other in enumerate(second):
            row.append(above[place] + 1 if word == other else max(row[-1], above[place + 1]))
        above = row
    return 2 * above[-1] / (len(first) + len(second))


def overlap_row(answered: Sequence[Answered]) -> Row:
    """ROUGE-L, mean over open questions."""
    values = [rouge_l(answer["said"] or "", q.right or "") for q, answer in answered]
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
    """Choices and judged answers together, as in Q-Bench-Video: overall, and by concern."""
    if judged is None:
        yield row_of("score", "overall", "", reason=NOT_JUDGED)
        return
    values = _judged(answered, judged, None)
    groups: dict[tuple[str, str], list[float | None]] = defaultdict(list)
    for (question, answer), verdict in zip(answered, values, strict=True):
        value = float(answer["said"] == question.right) if question.kind == "choice" else verdict
        parts = [part for part in question.parts if part[0] == "concern"]
        for part in [("overall", ""), *parts]:
            groups[part].append(value)
    for (kind, name), members in groups.items():
        known = [value for value in members if value is not None]
        yield _mean("score", kind, name, known, len(members) - len(known))


def _judged(answered: Sequence[Answered], judged: Judged, place: int | None) -> list[float | None]:
    """The mean over rounds of each question, of all criteria or of one, 0..1; None if unknown."""
    rounds: dict[int, list[float]] = defaultdict(list)
    for row in judged.rows:
        if row["status"] == "ok":
            scores = row["scores"] if place is None else [row["scores"][place]]
            rounds[row["question"]].append(fmean(scores) / _BEST)
    return [
        0.0 if answer["status"] != "ok"
        else fmean(rounds[question.number]) if question.number in rounds
        else None
        for question, answer in answered
    ]  # fmt: skip


def _unread(answered: Sequence[Answered]) -> int:
    return sum(answer["status"] != "ok" for _, answer in answered)


def _mean(measure: str, part: str, name: str, values: Sequence[float], failed: int) -> Row:
    if not values:
        return row_of(measure, part, name, n_failed=failed, reason="no answers to count")
    known = {"n": len(values), "n_failed": failed, "value": fmean(values)}
    if np.ptp(values) == 0:
        return row_of(measure, part, name, **known)  # without a spread there is no interval
    low, high = t.interval(0.95, len(values) - 1, loc=known["value"], scale=sem(values))
    return row_of(measure, part, name, **known, low=float(low), high=float(high))
