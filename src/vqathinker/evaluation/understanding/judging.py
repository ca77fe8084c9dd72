"""Every open answer of a file before the judge, `rounds` times, with all that was asked and said.

The file has a JSON object a line: first whose answers they are and who judged them, then for each
question and round `question`, `round`, `status`, `scores`, `reply`, `prompt` and `model`.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, reading
from vqathinker.evaluation.journal import PredictionJournal
from vqathinker.evaluation.understanding.answers import read_answers
from vqathinker.evaluation.understanding.judge import PROMPT, Judge, key_of
from vqathinker.evaluation.understanding.tasks import read_task
from vqathinker.hashing import sha256_of_file
from vqathinker.params import JudgeParams, TaskParams
from vqathinker.products import JUDGED

__all__ = ["Judged", "judge_answers", "read_judged"]


class Judged(NamedTuple):
    """Whose answers were judged, and a row for each question and round."""

    head: dict[str, Any]
    rows: list[dict[str, Any]]


def judge_answers(
    how: JudgeParams, task: TaskParams, questions: Path, answers: Path, out: Path
) -> int:
    """Write what the judge says of every readable open answer; the number of verdicts.

    What is through is kept beside `out` until it is whole, and is not asked again.

    Raises:
        InputError: the key is not there, or answers and questions do not fit together.
        JudgeError: the judge cannot be asked.
    """
    given = read_answers(answers)
    asked = {question.number: question for question in read_task(task.kind, questions)}
    texts = {
        row["question"]: PROMPT.format(
            question=asked[row["question"]].before,
            reference=asked[row["question"]].right,
            answer=row["said"],
        )
        for row in given.rows
        if row["kind"] == "open" and row["status"] == "ok" and row["question"] in asked
    }
    head = {
        "run": given.run, "task": given.task, "answers_sha256": sha256_of_file(answers),
        "url": how.url,
        **how.model_dump(include={"model", "rounds", "temperature", "max_tokens"}),
    }  # fmt: skip
    wanted = [(number, turn) for number in sorted(texts) for turn in range(1, how.rounds + 1)]
    judge = Judge(how, key_of(how)) if wanted else None
    with PredictionJournal(out, {**head, "prompt": PROMPT}) as journal:
        through = {(row["question"], row["round"]) for [row] in journal.batches}
        left = [pair for pair in wanted if pair not in through]
        for number, turn in tqdm(left, desc=f"{given.run} {given.task}", disable=None):
            assert judge is not None  # noqa: S101  there is something to be judged
            told = judge.verdict(texts[number])
            row = {"question": number, "round": turn, **told._asdict(), "model": how.model}
            journal.add([{**row, "prompt": texts[number]}])
        if judge is not None:
            judge.close()
        rows = sorted((row for [row] in journal.batches), key=lambda r: (r["question"], r["round"]))
        lines = [json.dumps(line, ensure_ascii=False) for line in [head, *rows]]
        with whole_file(out) as part:
            part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        journal.remove()
    return len(rows)


def read_judged(path: Path) -> Judged:
    """Read a file that `judge_answers` wrote.

    Raises:
        InputError: it is none.
    """
    with reading(path, *JUDGED):
        head, *rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        whole = {"run", "task", "answers_sha256", "rounds"} <= head.keys() and all(
            {"question", "round", "status", "scores"} <= row.keys() for row in rows
        )
    if not whole:
        raise InputError(f"{path}: lacks whose answers were judged, or scores; expected {JUDGED}")
    return Judged(head, rows)
