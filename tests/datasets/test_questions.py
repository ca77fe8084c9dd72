"""Questions of FineVD: options and correct letter."""

import json
from pathlib import Path
from typing import Any

import pytest

from vqathinker.datasets.labels import LabelError
from vqathinker.datasets.questions import read_questions

TEXT = "Which is worst, choose from {A:[Noise], B:[Video quality is good], C:[Blur]}(a letter)"


def line(video: str = "a.mp4", text: str = TEXT, answer: str = "B") -> str:
    turns = [{"from": "human", "value": text}, {"from": "ai", "value": answer}]
    return json.dumps({"video": video, "conversations": turns}, ensure_ascii=False)


def questions(folder: Path, *lines: str) -> list[Any]:
    path = folder / "q.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return list(read_questions(path))


def test_question_options_and_answer(tmp_path: Path) -> None:
    five = "?{A:[Blur], B:[Noise], C:[Color], D:[Artifact], E:[Temporal]}"
    first, second = questions(tmp_path, line(), line("b.mp4", five, "E"))
    assert first.video == "a.mp4"
    assert first.options == {"A": "Noise", "B": "Video quality is good", "C": "Blur"}
    assert first.options[first.answer] == "Video quality is good"
    assert first.text == TEXT
    assert second.options[second.answer] == "Temporal"
    assert second.place.endswith("q.jsonl, line 2")


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_byte_order_mark_is_removed(tmp_path: Path, start: str) -> None:
    [question] = questions(tmp_path, start + line("\ufeffa.mp4"))
    assert question.video == "a.mp4"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "line 1: is '{"),
        (json.dumps({"video": "a.mp4"}), "line 1: .*conversations"),
        (json.dumps({"video": "a.mp4", "conversations": [{"value": "x"}]}), "conversations"),
        (line(text="Which is worst?"), r"\[\]"),
        (line(text="?{A:[Noise], A:[Blur]}"), "'A', 'Blur'"),
        (line(answer="D"), "answer is 'D'.* A, B, C"),
    ],
)
def test_invalid_question_is_reported_with_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(LabelError, match=complaint):
        questions(tmp_path, text)
