"""A judge of open answers: a model with an OpenAI-compatible API.

Source: the form of `POST {url}/chat/completions` as OpenAI documents it and others serve it. An
answer is scored 0 to 2 for completeness, precision and relevance, all three at once, as
Q-Bench-Video's owners do with GPT-4o. The reply is read strictly: three whole numbers as JSON, or a
named failure. The key comes from the environment and is only sent in the header.

Every open answer of a file is judged `rounds` times. The file of verdicts has one JSON object per
line: first the run and the judge, then for each question and round `question`, `round`, `status`,
`scores`, `reply`, `prompt` and `model`.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import httpx2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from tqdm import tqdm

from vqathinker.acquisition.errors import parse_retry_after
from vqathinker.acquisition.secret import read_secret
from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, reading
from vqathinker.evaluation.understanding.answers import read_answers
from vqathinker.evaluation.understanding.questions import read_task
from vqathinker.hashing import sha256_of_file
from vqathinker.journal import open_journal
from vqathinker.params import JudgeParams, TaskParams
from vqathinker.products import JUDGED

JudgeStatus = Literal["ok", "nonsense", "refused", "rate_limited", "server_error", "timeout"]
PROMPT = """\
You grade an answer to a question on the quality of a video. You do not see the video; a person \
who did wrote the reference.

Question: {question}
Reference: {reference}
Answer: {answer}

Grade three things, each 0 (not at all), 1 (in part) or 2 (completely or nearly so):
completeness: the answer says what the reference says;
precision: nothing in the answer contradicts the reference;
relevance: the answer is about what is asked.
Write this JSON and nothing else: {{"completeness": 0, "precision": 0, "relevance": 0}}"""
_FENCE = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_MISTAKES = {400, 401, 403, 404, 405, 422}  # of the parameters: every other question meets them too


Grade = Annotated[int, Field(ge=0, le=2)]


class Grades(BaseModel):
    """The reply that the judge is asked for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    completeness: Grade
    precision: Grade
    relevance: Grade


CRITERIA = tuple(Grades.model_fields)


class JudgeError(Exception):
    """The judge cannot be asked; its verdicts so far are kept."""


class Verdict(NamedTuple):
    """What came of one question to the judge: three scores if ok, and its words if any came."""

    status: JudgeStatus
    scores: tuple[int, int, int] | None
    reply: str | None


def key_of(how: JudgeParams) -> SecretStr | None:
    """The key that `key_env` names; None where none is needed.

    Raises:
        InputError: the variable is not set, or the key would go over the network in the clear.
    """
    if how.key_env is None:
        return None
    if (key := read_secret(how.key_env)) is None:
        raise InputError(
            f"judge.key_env: the environment variable {how.key_env} is not set; put the key in it, "
            "or set judge.key_env: null for a judge that needs none"
        )
    address = httpx2.URL(how.url)
    if address.scheme != "https" and address.host not in _LOOPBACK:
        raise InputError(
            f"judge.url: {how.url} is not https://, so anybody could read ${how.key_env} on the way"
        )
    return key


@dataclass
class Judge:
    """Asks the judge, again where that may help.

    Args:
        how: address, model and patience.
        key: see `key_of`.
        sleep: waits so many seconds.
    """

    how: JudgeParams
    key: SecretStr | None
    sleep: Callable[[float], None] = time.sleep
    _rng: np.random.Generator = field(default_factory=np.random.default_rng)  # of waits alone
    _client: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        self._client = httpx2.Client(timeout=self.how.timeout_s)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def verdict(self, prompt: str) -> Verdict:
        """Ask until an answer comes, at most `attempts` times.

        Raises:
            JudgeError: nobody is at the address, or it refuses every question.
        """
        wait = self.how.first_wait_s
        for attempt in range(1, self.how.attempts + 1):
            verdict, pause = self._ask(prompt, last=attempt == self.how.attempts)
            if pause is None or attempt == self.how.attempts or pause > self.how.longest_wait_s:
                break
            self.sleep(max(pause, wait * float(self._rng.uniform(0.5, 1.0))))
            wait = min(2 * wait, self.how.longest_wait_s)
        return verdict

    def _ask(self, prompt: str, *, last: bool) -> tuple[Verdict, float | None]:
        """What came, and after how many seconds to ask again at the earliest; None: not at all."""
        key = self.key
        try:
            response = self._client.post(
                f"{self.how.url.rstrip('/')}/chat/completions",
                json={
                    "model": self.how.model, "temperature": self.how.temperature,
                    "max_tokens": self.how.max_tokens,
                    "messages": [{"role": "user", "content": prompt}],
                },
                headers={}
                if key is None
                else {"Authorization": f"Bearer {key.get_secret_value()}"},
            )  # fmt: skip
        except httpx2.TimeoutException:
            return Verdict("timeout", None, None), 0.0
        except httpx2.TransportError as error:
            if last:
                raise JudgeError(
                    f"judge.url: nobody answers at {self.how.url}; see that it is right and there, "
                    "then run the same command again: it goes on where it was"
                ) from error
            return Verdict("server_error", None, None), 0.0
        return self._read(response)

    def _read(self, response: httpx2.Response) -> tuple[Verdict, float | None]:
        code = response.status_code
        if code in _MISTAKES:
            hint = f"see judge.model {self.how.model!r}, judge.key_env and judge.url"
            raise JudgeError(f"judge.url: {self.how.url} answers {code} to a question; {hint}")
        if code == httpx2.codes.TOO_MANY_REQUESTS or code >= 500:
            after = parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
            status: JudgeStatus = "server_error" if code >= 500 else "rate_limited"
            return Verdict(status, None, None), after or 0.0
        if code != httpx2.codes.OK:
            return Verdict("refused", None, None), None
        try:
            reply = str(response.json()["choices"][0]["message"]["content"])
        except (ValueError, KeyError, IndexError, TypeError):
            return Verdict("nonsense", None, None), None
        fenced = _FENCE.fullmatch(reply.strip())  # Markdown around the JSON does no harm
        try:
            grades = Grades.model_validate_json(fenced[1] if fenced else reply)
        except ValidationError:
            return Verdict("nonsense", None, reply), None
        scores = (grades.completeness, grades.precision, grades.relevance)
        return Verdict("ok", scores, reply), None


class Judged(NamedTuple):
    """Whose answers were judged, and a row for each question and round."""

    head: dict[str, Any]
    rows: list[dict[str, Any]]


def judge_answers(
    how: JudgeParams, task: TaskParams, questions: Path, answers: Path, out: Path
) -> int:
    """Write what the judge says of every readable open answer; the number of verdicts.

    A journal next to `out` keeps finished verdicts, which are not asked for again.

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
    with open_journal(out, {**head, "prompt": PROMPT}) as journal:
        through = {(row["question"], row["round"]) for [row] in journal.entries}
        left = [pair for pair in wanted if pair not in through]
        if left:  # else no key is needed
            judge = Judge(how, key_of(how))
            for number, turn in tqdm(left, desc=f"{given.run} {given.task}", disable=None):
                verdict = judge.verdict(texts[number])
                row = {"question": number, "round": turn, **verdict._asdict(), "model": how.model}
                journal.add([{**row, "prompt": texts[number]}])
            judge.close()
        rows = sorted((row for [row] in journal.entries), key=lambda r: (r["question"], r["round"]))
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
