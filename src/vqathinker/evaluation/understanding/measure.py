"""Measure the answers to a task. Only this module compares them with the correct answers.

Source: docs/method.md, section 7.

Every question whose video has a clip counts; an answer that cannot be parsed is wrong. The interval
of an accuracy is Wilson's, from scipy. `chance` is the expected accuracy of guessing, `majority`
that of always choosing the most frequent correct option, if it is among the options.

Open answers are compared with a reference by ROUGE-L (Lin, "ROUGE: A Package for Automatic
Evaluation of Summaries", 2004, section 3.1, with β = 1), and by a judge. The value is a mean over
questions with Student's t interval. An answer that cannot be parsed scores 0 without a request to
the judge. A parsed answer without a valid verdict is left out and counted.
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
from vqathinker.evaluation.origins import file_record, package_versions
from vqathinker.evaluation.understanding.answers import Answers, read_answers
from vqathinker.evaluation.understanding.judge import CRITERIA, Verdicts, read_verdicts
from vqathinker.evaluation.understanding.questions import LETTERS, Question, read_task
from vqathinker.hashing import code_digest, sha256_of_file
from vqathinker.params import QuestionKind, TaskParams

_KINDS: tuple[QuestionKind, ...] = get_args(QuestionKind)
# n: number of questions or answers; n_failed: those without a valid answer; low and high: ends of
# the 95 % interval of value; chance: value of random answers; reason: why there is no value.
COLUMNS = ("measure", "part", "name", "n", "n_failed", "value", "low", "high", "chance",
           "majority", "reason")  # fmt: skip
Row = dict[str, Any]
AnswerPair = tuple[Question, Mapping[str, Any]]  # a question and its row of answers
NOT_JUDGED = "judge is null in params.yaml: open answers are not judged"
_MAX_GRADE = 2


def write_measures(
    task: TaskParams, questions: Path, answers: Path, out: Path, judged: Path | None = None
) -> dict[str, Any]:
    """Measure a file of answers and write the result as JSON, with its provenance.

    `judged` is the file of verdicts on these answers, if there is one.

    Raises:
        InputError: answers, questions and verdicts do not match.
    """
    given = read_answers(answers)
    verdicts = None if judged is None else read_verdicts(judged)
    if verdicts and verdicts.header["answers_sha256"] != sha256_of_file(answers):
        raise InputError(
            f"{judged}: verdicts on other answers than {answers}; judge these answers with "
            "`vqathinker understanding judge`"
        )
    by_task = read_task(task.kind, questions)
    result = {
        **{name: given.provenance[name] for name in ("run", "task")},
        "kind": task.kind, "set": task.set,
        "answer_by": given.provenance["asking"]["answer_by"],
        "n": len(given.rows),
        "statuses": dict(sorted(Counter(row["status"] for row in given.rows).items())),
        "rows": measure_task(by_task, given, f"{answers} and {questions}", verdicts),
        "provenance": {
            **given.provenance, "judge": None if verdicts is None else verdicts.header,
            "made_from": {
                "answers": file_record(answers), "questions": file_record(questions),
                "code": code_digest(),
                "versions": package_versions("scipy"),
            },
        },
    }  # fmt: skip
    write_json(out, result)
    return result


def measure_task(
    questions: Sequence[Question], given: Answers, where: str, judged: Verdicts | None = None
) -> list[Row]:
    """All rows of measures for the answers to these questions.

    A question whose video has no clip was not asked and counts in no row.

    Raises:
        InputError: an answer belongs to no question of the task, or to another video.
    """
    known = {question.number: question for question in questions}
    pairs = []
    for row in given.rows:
        question = known.get(row["question"])
        if question is None or "_cat_".join(question.videos) != row["video"]:
            raise InputError(
                f"{where}: question {row['question']} on {row['video']} is not among the "
                f"task's {len(known)}; ask again with `vqathinker understanding ask`"
            )
        if row["status"] != "no_clip":
            pairs.append((question, row))
    return list(_rows(pairs, judged))


def _rows(pairs: Sequence[AnswerPair], judged: Verdicts | None) -> Iterator[Row]:
    kinds = {kind: [pair for pair in pairs if pair[0].kind == kind] for kind in _KINDS}
    if kinds["choice"]:
        yield from accuracy_rows(kinds["choice"])
        yield from position_rows(kinds["choice"])
    if kinds["rating"]:
        yield from rating_rows(kinds["rating"])
    if kinds["open"]:
        yield rouge_row(kinds["open"])
        yield from judge_rows(kinds["open"], judged)
    if kinds["open"] and kinds["choice"]:
        yield from score_rows(pairs, judged)
    parts = {part for question, _ in pairs for part, _ in question.parts}
    if "type" in parts and "concern" not in parts:
        yield measure_row("accuracy", "concern", "", reason="the questions have no concerns")
    if not pairs:
        yield measure_row("accuracy", "overall", "", reason="no question has a clip")


def measure_row(measure: str, part: str, name: str, **known: Any) -> Row:
    """A row with the given columns, and None in all others.

    >>> measure_row("accuracy", "overall", "", n=3)["value"] is None
    True
    """
    blank: Row = dict.fromkeys(COLUMNS)
    return blank | {"measure": measure, "part": part, "name": name, **known}


def accuracy_rows(answered: Sequence[AnswerPair]) -> Iterator[Row]:
    """Accuracy overall, then for each part of the questions."""
    yield _accuracy("overall", "", answered)
    groups: dict[tuple[str, str], list[AnswerPair]] = defaultdict(list)
    for pair in answered:
        for part in pair[0].parts:
            groups[part].append(pair)
    for (kind, name), members in sorted(groups.items()):
        yield _accuracy(kind, name, members)


def position_rows(answered: Sequence[AnswerPair]) -> Iterator[Row]:
    """Accuracy by position of the correct option, and the share of answers with each position.

    Correct options are shuffled, so without position bias the shares equal `chance`, whatever the
    policy knows.
    """
    options_of = [list(answer["options"]) for _, answer in answered]
    right = [options.index(q.right) for (q, _), options in zip(answered, options_of, strict=True)]
    chosen = Counter(
        answer["options"].index(answer["answer"]) for _, answer in answered if answer["answer"]
    )
    places = range(max(map(len, options_of)))
    for place in places:
        at = [pair for pair, its in zip(answered, right, strict=True) if its == place]
        yield _accuracy("position", LETTERS[place], at)
    for place in places:
        offered = [1 / len(options) for options in options_of if place < len(options)]  # by number
        yield _proportion(
            "answer_share", "position", LETTERS[place], chosen[place], sum(chosen.values()), 0,
            chance=sum(offered) / len(answered),
        )  # fmt: skip


def _accuracy(part: str, name: str, answered: Sequence[AnswerPair]) -> Row:
    right = sum(answer["answer"] == question.right for question, answer in answered)
    failed = sum(answer["status"] != "ok" for _, answer in answered)
    n = len(answered)
    chance = sum(1 / len(question.options) for question, _ in answered) / n if n else None
    row = _proportion("accuracy", part, name, right, n, failed, chance)
    return row | ({"majority": _majority(answered)} if part == "overall" else {})


def _majority(answered: Sequence[AnswerPair]) -> float:
    """Accuracy of always choosing the most frequent correct option."""
    frequency = Counter(question.right for question, _ in answered)
    guesses = [max(question.options, key=lambda o: (frequency[o], o)) for question, _ in answered]
    hits = [q.right == guess for (q, _), guess in zip(answered, guesses, strict=True)]
    return sum(hits) / len(hits)


def _proportion(
    measure: str, part: str, name: str, right: int, n: int, failed: int, chance: float | None
) -> Row:
    if not n:
        return measure_row(measure, part, name, reason="no answers to count")
    found = binomtest(right, n).proportion_ci(0.95, method="wilson")
    return measure_row(
        measure, part, name, n=n, n_failed=failed, value=right / n, low=float(found.low),
        high=float(found.high), chance=chance,
    )  # fmt: skip


def rating_rows(answered: Sequence[AnswerPair]) -> Iterator[Row]:
    """SRCC of each attribute, after their mean as overall; chance is 0.

    If one attribute has no SRCC there is no mean: one over fewer attributes could not be compared.
    """
    groups: dict[str, list[AnswerPair]] = defaultdict(list)
    for pair in answered:
        groups[dict(pair[0].parts)["dimension"]].append(pair)
    rows = [_correlation(name, members) for name, members in groups.items()]
    values = [row["value"] for row in rows if row["value"] is not None]
    whole = len(values) == len(rows)
    yield measure_row(
        "srcc", "overall", "", n=sum(row["n"] for row in rows),
        n_failed=sum(row["n_failed"] for row in rows), chance=0.0,
        value=sum(values) / len(values) if whole and values else None,
        reason=None if whole else f"no SRCC of {len(rows) - len(values)} attributes",
    )  # fmt: skip
    yield from rows


def _correlation(name: str, answered: Sequence[AnswerPair]) -> Row:
    scored = [
        (answer["score"], question.mos)
        for question, answer in answered
        if answer["score"] is not None and question.mos is not None
    ]
    found = correlations([score for score, _ in scored], [mos for _, mos in scored])
    return measure_row(
        "srcc", "dimension", name, n=len(answered), n_failed=len(answered) - len(scored),
        value=found["srcc"], chance=0.0, reason=found["reason"],
    )  # fmt: skip


def tokenize(text: str) -> list[str]:
    """Runs of letters and digits in lower case, without stemming."""
    return re.findall(r"[^\W_]+", text.casefold())


def rouge_l(answer: str, reference: str) -> float:
    """F1 of the longest common subsequence of words, in 0…1.

    >>> round(rouge_l("police kill the gunman", "police killed the gunman"), 3)
    0.75
    """
    first, second = tokenize(answer), tokenize(reference)
    if not first or not second:
        return 0.0
    above = [0] * (len(second) + 1)  # lengths of common subsequences, one row per word
    for word in first:
        row = [0]
        for place, other in enumerate(second):
            row.append(above[place] + 1 if word == other else max(row[-1], above[place + 1]))
        above = row
    return 2 * above[-1] / (len(first) + len(second))


def rouge_row(answered: Sequence[AnswerPair]) -> Row:
    """Mean ROUGE-L of open answers."""
    values = [rouge_l(answer["answer"] or "", q.right or "") for q, answer in answered]
    return _mean("rouge_l", "overall", "", values, _count_failed(answered))


def judge_rows(answered: Sequence[AnswerPair], judged: Verdicts | None) -> Iterator[Row]:
    """Mean of all verdicts in 0…1, then of each criterion, then the verdicts by status."""
    if judged is None:
        yield measure_row("judged", "overall", "", reason=NOT_JUDGED)
        return
    for place, name in enumerate(("", *CRITERIA)):
        values = _judge_scores(answered, judged, None if not name else place - 1)
        known = [value for value in values if value is not None]
        failed = _count_failed(answered) + len(values) - len(known)
        yield _mean("judged", "criterion" if name else "overall", name, known, failed)
    for status, count in sorted(Counter(row["status"] for row in judged.rows).items()):
        yield measure_row(
            "verdicts", "status", status, n=len(judged.rows), value=count / len(judged.rows)
        )


def score_rows(answered: Sequence[AnswerPair], judged: Verdicts | None) -> Iterator[Row]:
    """Choices and judged answers together, as in Q-Bench-Video: overall, and by concern."""
    if judged is None:
        yield measure_row("score", "overall", "", reason=NOT_JUDGED)
        return
    values = _judge_scores(answered, judged, None)
    groups: dict[tuple[str, str], list[float | None]] = defaultdict(list)
    for (question, answer), verdict in zip(answered, values, strict=True):
        value = float(answer["answer"] == question.right) if question.kind == "choice" else verdict
        parts = [part for part in question.parts if part[0] == "concern"]
        for part in [("overall", ""), *parts]:
            groups[part].append(value)
    for (kind, name), members in groups.items():
        known = [value for value in members if value is not None]
        yield _mean("score", kind, name, known, len(members) - len(known))


def _judge_scores(
    answered: Sequence[AnswerPair], judged: Verdicts, place: int | None
) -> list[float | None]:
    """Mean over rounds for each question, of all criteria or of one, in 0…1; None if unknown."""
    rounds: dict[int, list[float]] = defaultdict(list)
    for row in judged.rows:
        if row["status"] == "ok":
            scores = row["scores"] if place is None else [row["scores"][place]]
            rounds[row["question"]].append(fmean(scores) / _MAX_GRADE)
    return [
        0.0 if answer["status"] != "ok"
        else fmean(rounds[question.number]) if question.number in rounds
        else None
        for question, answer in answered
    ]  # fmt: skip


def _count_failed(answered: Sequence[AnswerPair]) -> int:
    return sum(answer["status"] != "ok" for _, answer in answered)


def _mean(measure: str, part: str, name: str, values: Sequence[float], failed: int) -> Row:
    if not values:
        return measure_row(measure, part, name, n_failed=failed, reason="no answers to count")
    known = {"n": len(values), "n_failed": failed, "value": fmean(values)}
    if np.ptp(values) == 0:
        return measure_row(measure, part, name, **known)  # without a spread there is no interval
    low, high = t.interval(0.95, len(values) - 1, loc=known["value"], scale=sem(values))
    return measure_row(measure, part, name, **known, low=float(low), high=float(high))
