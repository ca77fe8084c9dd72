"""Questions of each task, read from the format of its set."""

import json
from collections import Counter
from pathlib import Path

import pytest

from vqathinker.errors import InputError
from vqathinker.evaluation.understanding.questions import read_task, shuffled_options
from vqathinker.policy.demo import kind_options
from vqathinker.policy.prompt import DEGRADATION_NAMES, degradation_question

LABELS = Path(__file__).parents[4] / "shared" / "labels"
real = pytest.mark.skipif(not LABELS.is_dir(), reason=f"label files are missing: {LABELS}")


def test_the_demo_question_is_worded_as_for_its_policy(tmp_path: Path) -> None:
    path = tmp_path / "degradations.csv"
    path.write_text("video,kind,strength\na.mp4,vp9,0.5\nb.mp4,unknown,0.5\nc.mp4,drop,0.1\n")
    first, second = read_task("made", path)
    assert (first.videos, first.right) == (("a.mp4",), "compression")
    assert (second.videos, second.right) == (("c.mp4",), "stutter")  # the other has no word
    options = shuffled_options(first, 7)
    assert first.text(options) == degradation_question(
        kind_options([DEGRADATION_NAMES.index(word) for word in options])
    )


@real
def test_finevd_keeps_its_text_and_shuffles_its_options() -> None:
    questions = read_task("finevd", LABELS / "finevd" / "abcd2_test.jsonl")
    assert len(questions) == 1016
    first = questions[0]
    assert first.text(first.options) == (
        "Which distortion dimension has the greatest impact on video quality, choose from the "
        "following options{A:[Noise], B:[Video quality is good], C:[Color], D:[Artifact]}"
        "(Just answer the corresponding letter)"
    )
    assert first.right == "Artifact"
    places = Counter(
        shuffled_options(question, 7).index(question.right or "") for question in questions
    )
    assert all(200 < places[place] < 310 for place in range(4))
    assert {dict(question.parts)["dimension"] for question in questions} == {
        "Artifact", "Blur", "Color", "Noise", "Temporal", "Video quality is good",
    }  # fmt: skip


@real
def test_maxwell_has_a_rating_of_each_of_sixteen_attributes() -> None:
    questions = read_task("maxwell", LABELS / "maxwell" / "MaxWell_val.csv")
    assert len(questions) == 16 * 909
    assert len({question.number for question in questions}) == len(questions)
    sharp = [q for q in questions if dict(q.parts)["dimension"] == "T-1 sharpness"]
    assert (sharp[0].videos, sharp[0].mos) == (("0000.mp4",), -0.828571429)
    assert "your rating on the sharpness of this video?" in sharp[0].before
    assert "1 representing fuzzy and 5 representing sharp." in sharp[0].before


def q_bench(path: Path, **changes: object) -> Path:
    choice = {
        "video_name": "7.mp4", "question": "Is it sharp?", "answers": ["Yes", "No"],
        "question_type": "yes/no", "context": "Global", "correct_choice": "B",
    }  # fmt: skip
    pair = {
        "video_name": "a.mp4_cat_b.mp4.mp4", "question": "Which is sharper?",
        "answers": ["The first", "The second", "Both"], "question_type": "what/how",
        "context": "Compare", "correct_choice": "The first", "concern": "Technical",
    }  # fmt: skip
    free = {
        "video_name": "8.mp4", "question": "What is wrong?", "answers": ["It shakes."],
        "question_type": "open_ended", "context": "Global",
    }  # fmt: skip
    path.write_text(json.dumps([choice | changes, pair, free]), encoding="utf-8")
    return path


def test_q_bench_video_has_three_types_and_pairs(tmp_path: Path) -> None:
    choice, pair, free = read_task("q_bench_video", q_bench(tmp_path / "dev.json"))
    assert choice.text(choice.options) == "Is it sharp?\nA. Yes\nB. No"
    assert choice.right == "No"
    assert choice.parts == (("type", "yes/no"),)
    assert (pair.videos, pair.right) == (("a.mp4", "b.mp4"), "The first")
    assert pair.parts == (("type", "what/how"), ("concern", "technical"))
    assert (free.kind, free.right, free.text(())) == ("open", "It shakes.", "What is wrong?")


def test_another_format_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"question 1: question_type .*'why'"):
        read_task("q_bench_video", q_bench(tmp_path / "dev.json", question_type="why"))


def test_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text("\n")
    with pytest.raises(InputError, match=r"none\.jsonl"):
        read_task("description", tmp_path / "none.jsonl")
    (tmp_path / "bad.jsonl").write_text('{"video": "a.mp4"}\n')
    with pytest.raises(InputError, match=r"bad\.jsonl: .*line 1"):
        read_task("description", tmp_path / "bad.jsonl")
