"""A judge that fails, stalls, answers nonsense and limits rates: a server on loopback."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from vqathinker.errors import InputError
from vqathinker.evaluation.understanding.answers import write_answers
from vqathinker.evaluation.understanding.judge import (
    Judge,
    JudgeError,
    judge_answers,
    key_of,
    read_judged,
)
from vqathinker.evaluation.understanding.measure import write_measures
from vqathinker.params import JudgeParams, TaskParams

GOOD = '{"completeness": 2, "precision": 1, "relevance": 2}'
TASK = TaskParams(kind="description", set="mine", file="questions.jsonl")


@dataclass
class StandIn:
    """Says `first` once each, then `always`: text, a status with headers, or nothing for long."""

    url: str = ""
    first: list[Any] = field(default_factory=list)
    always: Any = GOOD
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def judge() -> Iterator[StandIn]:
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/chat/completions"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            stand_in.asked.append(json.loads(body))
            stand_in.keys.append(self.headers["Authorization"])
            answer = stand_in.first.pop(0) if stand_in.first else stand_in.always
            if answer is None:
                stand_in.let_go.wait(30)
                return
            status, headers, text = answer if isinstance(answer, tuple) else (200, {}, answer)
            content = {"choices": [{"message": {"role": "assistant", "content": text}}]}
            told = json.dumps(content).encode() if status == 200 else b"{}"
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(told))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield stand_in
    stand_in.let_go.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def how(judge: StandIn, **changes: Any) -> JudgeParams:
    plain = {
        "url": judge.url, "model": "stand-in", "key_env": None, "rounds": 2, "temperature": 1.0,
        "max_tokens": 50, "timeout_s": 20.0, "attempts": 3, "first_wait_s": 0.5,
        "longest_wait_s": 60.0,
    }  # fmt: skip
    return JudgeParams.model_validate(plain | changes)


@pytest.fixture
def ask(judge: StandIn) -> Iterator[Callable[..., Any]]:
    """ask(first answers, …): the verdict, and the seconds that it waited for it."""
    asking: list[Judge] = []

    def run(*first: Any, **changes: Any) -> Any:
        waited: list[float] = []
        judge.first = list(first)
        params = how(judge, **changes)
        asking.append(Judge(params, key_of(params), waited.append))
        return asking[-1].verdict("a prompt"), waited

    yield run
    for each in asking:
        each.close()


def test_three_scores_are_read_and_the_model_and_the_prompt_are_sent(
    judge: StandIn, ask: Callable[..., Any]
) -> None:
    verdict, waited = ask(f"```json\n{GOOD}\n```")
    assert verdict == ("ok", (2, 1, 2), f"```json\n{GOOD}\n```")
    assert waited == []
    [sent] = judge.asked
    assert sent["model"] == "stand-in"
    assert sent["messages"] == [{"role": "user", "content": "a prompt"}]


@pytest.mark.parametrize(
    "reply",
    [
        "2", "Completeness: 2, precision: 2, relevance: 2", "", "[2, 2, 2]",
        '{"completeness": 2, "precision": 1}',
        '{"completeness": 3, "precision": 1, "relevance": 1}',
        '{"completeness": 1.5, "precision": 1, "relevance": 1}',
        '{"completeness": true, "precision": 1, "relevance": 1}',
        '{"completeness": "2", "precision": 1, "relevance": 1}',
        f"{GOOD} That is fair.", None.__class__,
    ],
)  # fmt: skip
def test_nonsense_is_a_failure_and_is_kept(ask: Callable[..., Any], reply: Any) -> None:
    text = reply if isinstance(reply, str) else {"no": "text"}
    verdict, waited = ask(text)
    assert (verdict.status, verdict.scores) == ("nonsense", None)
    assert verdict.reply == (text if isinstance(text, str) else None)
    assert waited == []  # it answered: asking again until it fits would bend the scores


def test_a_limit_of_rates_is_waited_for_as_long_as_it_says(ask: Callable[..., Any]) -> None:
    verdict, waited = ask((429, {"Retry-After": "7"}, ""), (503, {}, ""))
    assert verdict.status == "ok"
    assert waited[0] == 7
    assert 0.5 <= waited[1] <= 1.0  # doubled, half to all of it


def test_a_judge_that_keeps_failing_is_left_after_so_many_tries(
    judge: StandIn, ask: Callable[..., Any]
) -> None:
    verdict, waited = ask(*[(500, {}, "")] * 3)
    assert verdict == ("server_error", None, None)
    assert (len(judge.asked), len(waited)) == (3, 2)


def test_a_pause_that_is_too_long_is_not_waited_for(ask: Callable[..., Any]) -> None:
    verdict, waited = ask((429, {"Retry-After": "3600"}, ""))
    assert verdict.status == "rate_limited"
    assert waited == []


def test_a_judge_that_stalls_is_asked_again(ask: Callable[..., Any]) -> None:
    # As many tries as a busy machine may need to answer within the limit itself.
    verdict, waited = ask(None, timeout_s=0.5, attempts=100)
    assert verdict.status == "ok"
    assert len(waited) >= 1


def test_a_refusal_of_everything_ends_the_job_with_what_to_look_at(ask: Callable[..., Any]) -> None:
    with pytest.raises(JudgeError, match=r"judge\.url.*401.*judge\.model"):
        ask((401, {}, ""))


def test_nobody_at_the_address_is_told(judge: StandIn, ask: Callable[..., Any]) -> None:
    with pytest.raises(JudgeError, match=r"judge\.url.*http://127\.0\.0\.1:9/v1"):
        ask(url="http://127.0.0.1:9/v1", attempts=2)


def test_the_key_comes_from_the_environment_and_is_nowhere_else(
    judge: StandIn, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level("DEBUG")
    monkeypatch.setenv("MY_JUDGE", "sesame-1234")
    ask(key_env="MY_JUDGE")
    assert judge.keys == ["Bearer sesame-1234"]
    assert "sesame" not in caplog.text
    with pytest.raises(InputError, match=r"judge\.url"):
        key_of(how(judge, url="http://judge.example/v1", key_env="MY_JUDGE"))
    monkeypatch.delenv("MY_JUDGE")
    with pytest.raises(InputError, match=r"judge\.key_env.*MY_JUDGE"):
        key_of(how(judge, key_env="MY_JUDGE"))


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Answers to three questions of one's own; the last could not be read."""
    lines = [
        {"video": f"{n}.mp4", "question": f"Question {n}?", "answer": "soft edges and noise"}
        for n in range(3)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "questions.jsonl").write_text(text, encoding="utf-8")
    said = ["soft edges", "bright", None]
    rows = [
        {
            "question": n, "video": f"{n}.mp4", "kind": "open", "asked": f"Question {n}?",
            "shown": [], "status": "ok" if said[n] else "no_answer", "said": said[n],
            "completion": said[n] or "",
        }
        for n in range(3)
    ]  # fmt: skip
    path = tmp_path / "answers.parquet"
    write_answers(path, rows, {"run": "grpo", "task": "mine", "asking": {"reading": "generated"}})
    return path


def test_every_round_is_kept_with_prompt_model_and_words(judge: StandIn, answers: Path) -> None:
    out = answers.with_name("judged.jsonl")
    judge.first = [GOOD, "no idea"]
    questions = answers.with_name("questions.jsonl")
    assert judge_answers(how(judge), TASK, questions, answers, out) == 4
    head, rows = read_judged(out)
    assert (head["run"], head["model"], head["rounds"]) == ("grpo", "stand-in", 2)
    assert [(row["question"], row["round"], row["status"]) for row in rows] == [
        (0, 1, "ok"), (0, 2, "nonsense"), (1, 1, "ok"), (1, 2, "ok"),
    ]  # fmt: skip
    assert rows[1]["reply"] == "no idea"
    assert {row["model"] for row in rows} == {"stand-in"}
    assert "Question 0?" in rows[0]["prompt"]
    assert "Answer: soft edges\n" in rows[0]["prompt"]

    result = write_measures(TASK, questions, answers, answers.with_name("m.json"), out)
    found = {(row["measure"], row["name"]): row for row in result["rows"]}
    # Two questions with 5 of 6 points, and one that nobody could read, with none.
    assert found["judged", ""]["value"] == pytest.approx((5 / 6 + 5 / 6 + 0) / 3)
    assert found["judged", "precision"]["value"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert found["verdicts", "nonsense"]["value"] == 0.25
    assert found["rouge_l", ""]["value"] == pytest.approx((2 * 2 / 6 + 0 + 0) / 3)


def test_without_a_judge_there_is_a_reason_and_the_overlap(answers: Path) -> None:
    questions = answers.with_name("questions.jsonl")
    result = write_measures(TASK, questions, answers, answers.with_name("m.json"))
    found = {row["measure"]: row for row in result["rows"]}
    assert found["judged"]["value"] is None
    assert "judge is null" in found["judged"]["reason"]
    assert found["rouge_l"]["value"] > 0


def test_after_a_kill_nothing_is_asked_twice(judge: StandIn, answers: Path) -> None:
    out, questions = answers.with_name("judged.jsonl"), answers.with_name("questions.jsonl")
    judge.first = [GOOD, GOOD, GOOD, (401, {}, "")]
    with pytest.raises(JudgeError):
        judge_answers(how(judge), TASK, questions, answers, out)
    assert not out.exists()
    judge.asked.clear()
    assert judge_answers(how(judge), TASK, questions, answers, out) == 4
    assert len(judge.asked) == 1


def test_verdicts_on_other_answers_are_refused(judge: StandIn, answers: Path) -> None:
    out, questions = answers.with_name("judged.jsonl"), answers.with_name("questions.jsonl")
    judge_answers(how(judge), TASK, questions, answers, out)
    text = out.read_text(encoding="utf-8").replace('"answers_sha256": "', '"answers_sha256": "0')
    out.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"judged\.jsonl"):
        write_measures(TASK, questions, answers, answers.with_name("m.json"), out)
