"""A judge that fails, stalls, limits rates and sends invalid replies."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from vqathinker.errors import InputError
from vqathinker.evaluation.understanding.answers import write_answers
from vqathinker.evaluation.understanding.judge import (
    JudgeError,
    ask_judge,
    judge_answers,
    judge_key,
    read_verdicts,
)
from vqathinker.evaluation.understanding.measure import write_measures
from vqathinker.params import JudgeParams, TaskParams

GOOD = '{"completeness": 2, "precision": 1, "relevance": 2}'
TASK = TaskParams(kind="description", set="mine", file="questions.jsonl")


@dataclass
class FakeJudge:
    """Returns each of `first` once, then `always`: a text, a status with headers, or a timeout."""

    first: list[Any] = field(default_factory=list)
    always: Any = GOOD
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/v1/chat/completions"
        self.requests.append(json.loads(request.content))
        self.keys.append(request.headers.get("Authorization"))
        answer = self.first.pop(0) if self.first else self.always
        if answer is None:
            raise httpx2.ReadTimeout("stalled", request=request)
        status, headers, text = answer if isinstance(answer, tuple) else (200, {}, answer)
        content = {"choices": [{"message": {"role": "assistant", "content": text}}]}
        return httpx2.Response(status, headers=headers, json=content)


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> FakeJudge:
    fake = FakeJudge()
    client = httpx2.Client(transport=httpx2.MockTransport(fake))
    monkeypatch.setattr(httpx2, "post", client.post)
    return fake


def how(**changes: Any) -> JudgeParams:
    plain = {
        "url": "http://127.0.0.1:8000/v1", "model": "stand-in", "key_env": None, "rounds": 2,
        "temperature": 1.0, "max_tokens": 50, "timeout_s": 20.0, "attempts": 3, "first_wait_s": 0.5,
        "longest_wait_s": 60.0,
    }  # fmt: skip
    return JudgeParams.model_validate(plain | changes)


@pytest.fixture
def ask(judge: FakeJudge) -> Callable[..., Any]:
    """ask(first answers, …) returns the verdict and the waits in seconds."""

    def run(*first: Any, **changes: Any) -> Any:
        waited: list[float] = []
        judge.first = list(first)
        params = how(**changes)
        return ask_judge(params, judge_key(params), "a prompt", waited.append), waited

    return run


def test_grades_are_parsed_and_the_prompt_is_sent(
    judge: FakeJudge, ask: Callable[..., Any]
) -> None:
    verdict, waited = ask(f"```json\n{GOOD}\n```")
    assert verdict == ("ok", (2, 1, 2), f"```json\n{GOOD}\n```")
    assert waited == []
    [sent] = judge.requests
    assert sent["model"] == "stand-in"
    assert sent["messages"] == [{"role": "user", "content": "a prompt"}]


@pytest.mark.parametrize(
    "reply",
    [
        "", "[2, 2, 2]", f"{GOOD} That is fair.",
        '{"completeness": 2, "precision": 1}',
        '{"completeness": 3, "precision": 1, "relevance": 1}',
        '{"completeness": 1.5, "precision": 1, "relevance": 1}',
        '{"completeness": true, "precision": 1, "relevance": 1}',
        '{"completeness": "2", "precision": 1, "relevance": 1}',
    ],
)  # fmt: skip
def test_invalid_replies_fail_and_are_kept(ask: Callable[..., Any], reply: str) -> None:
    verdict, waited = ask(reply)
    assert verdict == ("invalid", None, reply)
    assert waited == []  # no retry: choosing among replies would bias the scores


@pytest.mark.parametrize("failure", [None, (503, {}, "")])
def test_failed_requests_are_retried_after_the_requested_wait(
    ask: Callable[..., Any], failure: Any
) -> None:
    verdict, waited = ask((429, {"Retry-After": "7"}, ""), failure)
    assert verdict.status == "ok"
    assert waited == [7, 1.0]  # the second wait is doubled


def test_a_configuration_error_stops_the_job(ask: Callable[..., Any]) -> None:
    with pytest.raises(JudgeError, match=r"judge\.url.*401.*judge\.model"):
        ask((401, {}, ""))


def test_the_key_comes_from_the_environment_and_is_not_logged(
    judge: FakeJudge, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level("DEBUG")
    monkeypatch.setenv("MY_JUDGE", "sesame-1234")
    ask(key_env="MY_JUDGE")
    assert judge.keys == ["Bearer sesame-1234"]
    assert "sesame" not in caplog.text
    with pytest.raises(InputError, match=r"judge\.url"):
        judge_key(how(url="http://judge.example/v1", key_env="MY_JUDGE"))
    monkeypatch.delenv("MY_JUDGE")
    with pytest.raises(InputError, match=r"judge\.key_env.*MY_JUDGE"):
        judge_key(how(key_env="MY_JUDGE"))


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Answers to three open questions; the last one has no answer."""
    lines = [
        {"video": f"{n}.mp4", "question": f"Question {n}?", "answer": "soft edges and noise"}
        for n in range(3)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "questions.jsonl").write_text(text, encoding="utf-8")
    texts = ["soft edges", "bright", None]
    rows = [
        {
            "question": n, "video": f"{n}.mp4", "kind": "open", "question_text": f"Question {n}?",
            "options": [], "status": "ok" if texts[n] else "no_answer", "answer": texts[n],
            "completion": texts[n] or "",
        }
        for n in range(3)
    ]  # fmt: skip
    path = tmp_path / "answers.parquet"
    write_answers(path, rows, {"run": "grpo", "task": "mine", "asking": {"answer_by": "generated"}})
    return path


def test_every_verdict_is_kept_with_prompt_model_and_reply(judge: FakeJudge, answers: Path) -> None:
    out = answers.with_name("judged.jsonl")
    judge.first = [GOOD, "no idea"]
    questions = answers.with_name("questions.jsonl")
    assert judge_answers(how(), TASK, questions, answers, out) == 4
    header, rows = read_verdicts(out)
    assert (header["run"], header["model"], header["rounds"]) == ("grpo", "stand-in", 2)
    assert [(row["question"], row["round"], row["status"]) for row in rows] == [
        (0, 1, "ok"), (0, 2, "invalid"), (1, 1, "ok"), (1, 2, "ok"),
    ]  # fmt: skip
    assert rows[1]["reply"] == "no idea"
    assert {row["model"] for row in rows} == {"stand-in"}
    assert "Question 0?" in rows[0]["prompt"]
    assert "Answer: soft edges\n" in rows[0]["prompt"]

    result = write_measures(TASK, questions, answers, answers.with_name("m.json"), out)
    found = {(row["measure"], row["name"]): row for row in result["rows"]}
    # Two questions with 5 of 6 points, and one without an answer, with 0 points.
    assert found["judged", ""]["value"] == pytest.approx((5 / 6 + 5 / 6 + 0) / 3)
    assert found["judged", "precision"]["value"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert found["verdicts", "invalid"]["value"] == 0.25
    assert found["rouge_l", ""]["value"] == pytest.approx((2 * 2 / 6 + 0 + 0) / 3)


def test_a_killed_job_resumes_without_repeated_requests(judge: FakeJudge, answers: Path) -> None:
    out, questions = answers.with_name("judged.jsonl"), answers.with_name("questions.jsonl")
    judge.first = [GOOD, GOOD, GOOD, (401, {}, "")]
    with pytest.raises(JudgeError):
        judge_answers(how(), TASK, questions, answers, out)
    assert not out.exists()
    judge.requests.clear()
    assert judge_answers(how(), TASK, questions, answers, out) == 4
    assert len(judge.requests) == 1


def test_verdicts_on_other_answers_are_refused(judge: FakeJudge, answers: Path) -> None:
    out, questions = answers.with_name("judged.jsonl"), answers.with_name("questions.jsonl")
    judge_answers(how(), TASK, questions, answers, out)
    text = out.read_text(encoding="utf-8").replace('"answers_sha256": "', '"answers_sha256": "0')
    out.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"judged\.jsonl"):
        write_measures(TASK, questions, answers, answers.with_name("m.json"), out)
