"""How well the questions of a task are answered. The one place where right answers are looked at.

Source: docs/method.md, section 7.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError
from vqathinker.evaluation.understanding.accuracy import Answered, accuracy_rows, position_rows
from vqathinker.evaluation.understanding.answers import Answers, read_answers
from vqathinker.evaluation.understanding.question import Question
from vqathinker.evaluation.understanding.rows import Row
from vqathinker.evaluation.understanding.tasks import read_task
from vqathinker.params import TaskParams

__all__ = ["measure_task", "write_measures"]


def write_measures(task: TaskParams, questions: Path, answers: Path, out: Path) -> dict[str, Any]:
    """Measure a file of answers and write the result as JSON, with its provenance.

    Raises:
        InputError: answers and questions do not fit together.
    """
    given = read_answers(answers)
    asked = read_task(task.kind, questions)
    with questions.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    result = {
        "run": given.run, "task": given.task, "kind": task.kind, "set": task.set,
        "reading": given.provenance["asking"]["reading"],
        "n": len(given.rows),
        "statuses": dict(sorted(Counter(row["status"] for row in given.rows).items())),
        "rows": measure_task(asked, given, str(answers)),
        "provenance": {**given.provenance, "questions_sha256": digest},
    }  # fmt: skip
    text = json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False)
    with whole_file(out) as part:
        part.write_text(text + "\n", encoding="utf-8")
    return result


def measure_task(questions: Sequence[Question], given: Answers, where: str) -> list[Row]:
    """Every row that can be made of the answers to these questions.

    A question whose video has no clip was not asked and counts in no row.

    Raises:
        InputError: an answer is to no question of the task, or to another video.
    """
    pairs = list(_joined(questions, given, where))
    return list(_rows(pairs))


def _rows(pairs: Sequence[Answered]) -> Iterator[Row]:
    choices = [pair for pair in pairs if pair[0].kind == "choice"]
    if choices:
        yield from accuracy_rows(choices)
        yield from position_rows(choices)


def _joined(questions: Sequence[Question], given: Answers, where: str) -> Iterator[Answered]:
    known = {question.number: question for question in questions}
    for row in given.rows:
        question = known.get(row["question"])
        if question is None or "_cat_".join(question.videos) != row["video"]:
            raise InputError(
                f"{where}: question {row['question']} on {row['video']} is none of the task's "
                f"{len(known)}; ask again with `vqathinker understanding ask`"
            )
        if row["status"] != "no_clip":
            yield question, row
