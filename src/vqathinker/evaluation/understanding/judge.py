"""A judge of open answers: a model with an OpenAI-compatible API.

Source: `POST {url}/chat/completions` as documented by OpenAI and served by others. An answer gets
grades from 0 to 2 for completeness, precision and relevance in one request, as Q-Bench-Video's
authors do with GPT-4o. The reply is parsed strictly: three integers as JSON, or a failure with a
status. The API key comes from the environment and is sent only in the header.

Every open answer is judged `rounds` times. The file of verdicts has one JSON object per line: first
the run and the judge, then for each question and round `question`, `round`, `status`, `scores`,
`reply`, `prompt` and `model`.
"""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import httpx2
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

JudgeStatus = Literal["ok", "invalid", "refused", "rate_limited", "server_error", "timeout"]
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
_CONFIGURATION_ERRORS = {
    400,
    401,
    403,
    404,
    405,
    422,
}  # of the parameters: every other question meets them too


Grade = Annotated[int, Field(ge=0, le=2)]


class Grades(BaseModel):
    """The reply that the judge must give."""

    model_config = ConfigDict(extra="forbid", strict=True)

    completeness: Grade
    precision: Grade
    relevance: Grade


CRITERIA = tuple(Grades.model_fields)


class JudgeError(Exception):
    """The judge is not reachable or rejects every request; finished verdicts are kept."""


class Verdict(NamedTuple):
    """The result of one question to the judge: grades if ok, and the reply if there was one."""

    status: JudgeStatus
    scores: tuple[int, int, int] | None
    reply: str | None


def judge_key(params: JudgeParams) -> SecretStr | None:
    """The API key in the environment variable `key_env`; None if no key is needed.

    Raises:
        InputError: the variable is not set, or the key would be sent without encryption.
    """
    if params.key_env is None:
        return None
    if (key := read_secret(params.key_env)) is None:
        raise InputError(
            f"judge.key_env: the environment variable {params.key_env} is not set; set it, "
            "or set judge.key_env: null for a judge without a key"
        )
    address = httpx2.URL(params.url)
    if address.scheme != "https" and address.host not in _LOOPBACK:
        raise InputError(
            f"judge.url is {params.url}; expected https://, to send ${params.key_env} encrypted"
        )
    return key


def ask_judge(
    params: JudgeParams, key: SecretStr | None, prompt: str,
    sleep: Callable[[float], None] = time.sleep,
) -> Verdict:  # fmt: skip
    """Send a prompt to the judge, at most `attempts` times until there is a reply.

    Raises:
        JudgeError: there is no connection, or the server rejects every request.
    """
    wait = params.first_wait_s
    for attempt in range(1, params.attempts + 1):
        last = attempt == params.attempts
        verdict, pause = _ask_once(params, key, prompt, last=last)
        if pause is None or last or pause > params.longest_wait_s:
            break
        sleep(max(pause, wait))  # the server's Retry-After may be longer
        wait = min(2 * wait, params.longest_wait_s)
    return verdict


def _ask_once(
    params: JudgeParams, key: SecretStr | None, prompt: str, *, last: bool
) -> tuple[Verdict, float | None]:
    """A verdict, and the seconds to wait before the next attempt; None if there is none."""
    content = {
        **params.model_dump(include={"model", "temperature", "max_tokens"}),
        "messages": [{"role": "user", "content": prompt}],
    }
    headers = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}
    address = f"{params.url.rstrip('/')}/chat/completions"
    try:
        response = httpx2.post(address, json=content, headers=headers, timeout=params.timeout_s)
    except httpx2.TimeoutException:
        return Verdict("timeout", None, None), 0.0
    except httpx2.TransportError as error:
        if last:
            raise JudgeError(
                f"judge.url: no connection to {params.url}; check the address and the server, then "
                "rerun the same command to resume"
            ) from error
        return Verdict("server_error", None, None), 0.0
    code = response.status_code
    if code in _CONFIGURATION_ERRORS:
        hint = f"check judge.model {params.model!r}, judge.key_env and judge.url"
        raise JudgeError(f"judge.url: {params.url} returned HTTP status {code}; {hint}")
    if code == httpx2.codes.TOO_MANY_REQUESTS or code >= 500:
        after = parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
        status: JudgeStatus = "server_error" if code >= 500 else "rate_limited"
        return Verdict(status, None, None), after or 0.0
    return (_read(response) if code == httpx2.codes.OK else Verdict("refused", None, None)), None


def _read(response: httpx2.Response) -> Verdict:
    try:
        reply = str(response.json()["choices"][0]["message"]["content"])
    except (ValueError, KeyError, IndexError, TypeError):
        return Verdict("invalid", None, None)
    fenced = _FENCE.fullmatch(reply.strip())  # some models wrap JSON in a Markdown code block
    try:
        grades = Grades.model_validate_json(fenced[1] if fenced else reply)
    except ValidationError:
        return Verdict("invalid", None, reply)
    return Verdict("ok", (grades.completeness, grades.precision, grades.relevance), reply)


class Verdicts(NamedTuple):
    """A file of verdicts: run and judge, and a row for each question and round."""

    header: dict[str, Any]
    rows: list[dict[str, Any]]


def judge_answers(
    params: JudgeParams, task: TaskParams, questions: Path, answers: Path, out: Path
) -> int:
    """Write the judge's verdicts on every readable open answer; returns their number.

    A journal next to `out` keeps finished verdicts, which are not requested again.

    Raises:
        InputError: the key is not set, or answers and questions do not match.
        JudgeError: the judge is not reachable.
    """
    given = read_answers(answers)
    by_number = {question.number: question for question in read_task(task.kind, questions)}
    texts = {
        row["question"]: PROMPT.format(
            question=by_number[row["question"]].before,
            reference=by_number[row["question"]].right,
            answer=row["answer"],
        )
        for row in given.rows
        if row["kind"] == "open" and row["status"] == "ok" and row["question"] in by_number
    }
    header = {
        **{name: given.provenance[name] for name in ("run", "task")},
        "answers_sha256": sha256_of_file(answers),
        **params.model_dump(include={"url", "model", "rounds", "temperature", "max_tokens"}),
    }
    planned = [(number, turn) for number in sorted(texts) for turn in range(1, params.rounds + 1)]
    with open_journal(out, {**header, "prompt": PROMPT}) as journal:
        finished = {(row["question"], row["round"]) for [row] in journal.entries}
        remaining = [pair for pair in planned if pair not in finished]
        if remaining:  # otherwise no key is needed
            key = judge_key(params)
            about = f"{header['run']} {header['task']}"
            for number, turn in tqdm(remaining, desc=about, disable=None):
                verdict = ask_judge(params, key, texts[number])
                row = {"question": number, "round": turn, **verdict._asdict()}
                journal.add([{**row, "model": params.model, "prompt": texts[number]}])
        rows = sorted((row for [row] in journal.entries), key=lambda r: (r["question"], r["round"]))
        lines = [json.dumps(line, ensure_ascii=False) for line in [header, *rows]]
        with whole_file(out) as part:
            part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        journal.remove()
    return len(rows)


def read_verdicts(path: Path) -> Verdicts:
    """Read a file that `judge_answers` wrote.

    Raises:
        InputError: it is not such a file.
    """
    with reading(path, *JUDGED):
        header, *rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        if "answers_sha256" not in header:
            raise KeyError("answers_sha256")
    return Verdicts(header, rows)
