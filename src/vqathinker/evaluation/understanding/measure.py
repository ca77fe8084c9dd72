"""Measure the answers to a task. Only this module compares them with the right ones.

Source: docs/method.md, section 7.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from vqathinker.atomic import write_json
from vqathinker.errors import InputError
from vqathinker.evaluation.origins import named, versions_of
from vqathinker.evaluation.understanding.answers import Answers, read_answers
from vqathinker.evaluation.understanding.judge import Judged, read_judged
from vqathinker.evaluation.understanding.questions import Question, read_task
from vqathinker.evaluation.understanding.rows import (
    Answered,
    Row,
    accuracy_rows,
    judged_rows,
    overlap_row,
    position_rows,
    rating_rows,
    row_of,
    score_rows,
)
from vqathinker.hashing import code_digest, sha256_of_file
from vqathinker.params import QuestionKind, TaskParams

_SOURCE = Path(__file__).parents[3]
_KINDS: tuple[QuestionKind, ...] = get_args(QuestionKind)


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
        "reading": given.provenance["asking"]["reading"],
        "n": len(given.rows),
        "statuses": dict(sorted(Counter(row["status"] for row in given.rows).items())),
        "rows": measure_task(asked, given, f"{answers} and {questions}", verdicts),
        "provenance": {
            **given.provenance, "judge": None if verdicts is None else verdicts.head,
            "made_from": {
                "answers": named(answers), "questions": named(questions),
                "code": code_digest(Path("evaluation", "understanding", "measure.py"), _SOURCE),
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
