"""Asking: one row per question, reproducible, without using correct answers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.evaluation.conftest import settings

from vqathinker.evaluation.understanding import ask as asking
from vqathinker.evaluation.understanding.answers import Answers, read_answers
from vqathinker.evaluation.understanding.ask import AskSettings, ask, option_log_probs
from vqathinker.evaluation.understanding.measure import measure_task
from vqathinker.evaluation.understanding.questions import Question
from vqathinker.params import AnswerParams, UnderstandingParams
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.video.store import ClipStore

Ask = Callable[..., Answers]

CHOICES = [
    Question(number, (f"clip{number}.mp4",), "choice", "Which? ", ".", "words",
             ("blur", "noise", "exposure")[: 2 + number % 2], "blur")
    for number in range(6)
]  # fmt: skip
OTHERS = [
    Question(6, ("clip0.mp4", "clip1.mp4"), "choice", "Which is better? ", options=("1st", "2nd"),
             right="1st"),
    Question(7, ("broken.mp4",), "choice", "Which? ", options=("blur", "noise"), right="blur"),
    Question(8, ("clip2.mp4",), "rating", "How sharp?", mos=0.5,
             parts=(("dimension", "sharpness"),)),
    Question(9, ("clip3.mp4",), "open", "What is wrong?", right="noise"),
]  # fmt: skip


@pytest.fixture
def ask_tiny(tmp_path: Path, tiny_base: Path, tiny_clips: Path) -> Ask:
    def run(questions: Sequence[Question], reading: str = "generated", **changes: Any) -> Answers:
        plain = {"tasks": {}, "seed": 7, "max_questions": None, "answer_by": reading}
        ask_settings = AskSettings(
            UnderstandingParams.model_validate(plain | changes),
            settings(),
            AnswerParams(parsing="strict", range=[0, 5]),
        )
        out = tmp_path / "answers.parquet"
        ask(tiny_base, [tiny_clips], questions, ask_settings, run="grpo", task="mine", out=out)
        return read_answers(out)

    return run


def test_every_question_has_a_row_and_needs_a_clip_to_be_asked(ask_tiny: Ask) -> None:
    rows = ask_tiny([*CHOICES, *OTHERS]).rows
    assert [row["question"] for row in rows] == list(range(10))
    assert rows[7]["status"] == "no_clip"
    assert rows[7]["completion"] is None
    assert all(row["completion"] is not None for row in rows if row["question"] != 7)
    assert rows[6]["video"] == "clip0.mp4_cat_clip1.mp4"
    assert rows[1]["question_text"].startswith("Which? A: ")
    assert sorted(rows[1]["options"]) == ["blur", "exposure", "noise"]


def test_answers_do_not_depend_on_the_correct_option(ask_tiny: Ask) -> None:
    other = [Question(**{**vars(q), "right": q.options[-1]}) for q in CHOICES]
    assert ask_tiny(CHOICES).rows == ask_tiny(other).rows


def test_log_probs_equal_those_of_a_forward_pass(tiny_base: Path, tiny_clips: Path) -> None:
    policy, tokenizer, _ = load_policy(tiny_base)
    store = ClipStore([tiny_clips])
    ids = prompt_ids(tokenizer, "evaluation", 6, 4, question="Which?")
    prompts = encode_prompts(policy, ids, store.batch(store.ids[:2]))
    [_, [_, second]] = option_log_probs(
        policy, tokenizer, prompts, [["x"], ["blur", "noise"]], letters=False
    )
    option = tokenizer("noise</answer>", add_special_tokens=False)["input_ids"]
    opened = tokenizer("<answer>", add_special_tokens=False)["input_ids"]
    whole = torch.tensor([[*ids.tolist(), *opened, *option]])
    with torch.no_grad():
        logits = policy(
            input_ids=whole, frame_features=prompts.frame_features[1:2],
            motion_features=prompts.motion_features[1:2],
        ).logits.float()  # fmt: skip
    logits[..., policy.config.image_token_id] = -torch.inf  # never generated
    log_probs = logits[0, -len(option) - 1 : -1].log_softmax(-1)
    expected = log_probs[torch.arange(len(option)), torch.tensor(option)].mean()
    assert second == pytest.approx(float(expected), abs=1e-4)


def test_a_killed_job_resumes_and_gives_the_same_answers(
    ask_tiny: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ask_tiny([*CHOICES, *OTHERS])
    answer, batches = asking._answer, []

    def stop_after_two(*args: Any) -> Any:
        if len(batches) == 2:
            raise KeyboardInterrupt
        batches.append(args)
        return answer(*args)

    monkeypatch.setattr(asking, "_answer", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        ask_tiny([*CHOICES, *OTHERS])
    monkeypatch.setattr(asking, "_answer", answer)
    assert ask_tiny([*CHOICES, *OTHERS]) == whole


def test_answers_of_another_task_are_refused(
    ask_tiny: Ask,
) -> None:
    given = ask_tiny([*CHOICES, *OTHERS], "letters")
    rows = measure_task([*CHOICES, *OTHERS], given, "answers")
    found = {(row["measure"], row["part"], row["name"]): row for row in rows}
    assert found["accuracy", "overall", ""]["n"] == 7
    assert found["srcc", "dimension", "sharpness"]["value"] is None
    assert "correlations need 3" in found["srcc", "dimension", "sharpness"]["reason"]
    with pytest.raises(ValueError, match=r"question 0.*clip0\.mp4"):
        measure_task(CHOICES[1:], given, "answers")
