"""Claims about prompts and the reading of answers.

Golden values: `prompts.json` and `rewards.json`, made with the authors' functions
(clh124/VQAThinker at ee47a40); the folder can be another one, named by VQATHINKER_GOLDENS.
"""

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.policy.prompt import (
    Answer,
    evaluation_prompt,
    has_format,
    parse,
    render,
    training_prompt,
)

GOLDENS = Path(os.environ["VQATHINKER_GOLDENS"])

# completion, score, coarse, why
ANSWERS = [
    ("<think>sharp</think><answer>3.42</answer>", 3.42, False, "as asked"),
    ("<think>sharp</think>\n<answer> 3.42/5 </answer>", 3.42, False, "blanks and a scale"),
    ("<answer>\nThe rating is 4.25.\n</answer>", 4.25, False, "words and line breaks around"),
    ("<answer>3.5</answer>", 3.5, True, "one decimal"),
    ("<answer>3.50</answer>", 3.5, True, "trailing zeros do not count"),
    ("<answer>3.05</answer>", 3.05, False, "a zero inside counts"),
    ("<answer>2.920</answer>", 2.92, False, "two decimals once the zero is gone"),
    ("<answer>4</answer>", 4.0, True, "no decimals"),
    ("<answer>0.00001</answer>", 1e-5, True, "printed as 1e-05, which shows no decimal"),
    ("<answer>-1.25</answer>", -1.25, False, "a sign belongs to the number, outside 1..5 or not"),
    ("<answer>97.25</answer>", 97.25, False, "nothing is clipped"),
    ("<answer>4-5</answer>", 4.0, True, "the first number of a range"),
    ("<answer>4,25</answer>", 4.0, True, "a comma is no decimal point"),
    ("<answer>.5</answer>", 5.0, True, "a number begins with a digit"),
    ("<answer>1e3</answer>", 1.0, True, "no exponents"),
    ("<answer>3.</answer>", 3.0, True, "a point without decimals ends the number"),
    ("<answer>1.11</answer><answer>2.22</answer>", 2.22, False, "the last answer counts"),
    ("<think><answer>1.00</answer></think><answer>2.31</answer>", 2.31, False, "a first guess"),
    ("<answer>1.11<answer>2.22</answer>", 1.11, False, "answers do not nest"),
    ("<answer>1.11</answer><answer>2.22", 1.11, False, "an answer that never ends is none"),
    ("The quality is 3.71 of 5", 3.71, False, "without an answer the whole text is read"),
    ("<answer>3.71", 3.71, False, "an open tag is no answer, the whole text is read"),
    ("3 frames are blurry: 1.85", 3.0, True, "the first number of the text, for want of tags"),
    ("<ANSWER>2</ANSWER> <answer>3.25</answer>", 3.25, False, "tags are lower case"),
    ("<answer>٣.٢٥</answer>", 3.25, False, "digits of any script"),
]
FAILURES = [
    ("", "nothing"),
    ("<think>sharp</think><answer>good</answer>", "words only"),
    (
        "<think>2 of 6 frames</think><answer></answer>",
        "an empty answer is not looked for elsewhere",
    ),
    ("3.42 <answer>good</answer>", "a number outside the answer"),
    ("<answer>3.42</answer><answer>no</answer>", "the last answer has no number"),
    ("<answer>three point five</answer>", "numbers in words"),
    ("<answer>NaN</answer>", "not a number"),
    ("<answer>-inf</answer>", "infinity in words"),
    (f"<answer>{'9' * 400}</answer>", "too large for a float"),
]
# completion, whether it has the format, why
FORMATS = [
    ("<think>sharp</think><answer>3.42</answer>", True, "as asked"),
    ("<think>sharp</think> \n\t<answer>3.42</answer>", True, "blanks between the two"),
    ("<think>\nsharp\n</think><answer>\n3.42\n</answer>", True, "line breaks inside"),
    ("<think></think><answer></answer>", True, "only tags are looked at"),
    ("<think>a</think><answer>b</answer><answer>c</answer>", True, "other tags may stand inside"),
    ("<think>a<think>b</think><answer>c</answer>", True, "an inner tag is text"),
    (" <think>sharp</think><answer>3.42</answer>", False, "a blank before"),
    ("<think>sharp</think><answer>3.42</answer>\n", False, "a line break after"),
    ("<think>sharp</think> so <answer>3.42</answer>", False, "words between the two"),
    ("<answer>3.42</answer>", False, "no thinking"),
    ("<think>sharp</think>3.42", False, "no answer"),
    ("<think>sharp</think><answer>3.42", False, "the answer never ends"),
    ("<answer>3.42</answer><think>sharp</think>", False, "the wrong order"),
    ("<think>sharp<answer>3.42</answer>", False, "thinking never ends"),
    ("<think></think><answer></think></answer", False, "the last tag is cut"),
    ("<think><answer></answer>", False, "one tag cannot serve as two"),
    ("<think>a</think><answer>", False, "an opening tag at the end"),
    ("", False, "nothing"),
]
PIECES = ["<think>", "</think>", "<answer>", "</answer>", " ", "\n", "so", "3", "3.25", "-", "."]


@pytest.mark.parametrize(("name", "frames", "tokens"), [("train", 6, 256), ("test", 12, 400)])
def test_prompts_are_the_authors_to_the_character(name: str, frames: int, tokens: int) -> None:
    golden = json.loads((GOLDENS / "prompts.json").read_text(encoding="utf-8"))[name]
    whole = re.sub(r"<IMG_CONTEXT>\*(\d+)", lambda m: "<IMG_CONTEXT>" * int(m[1]), golden)
    setting = "training" if name == "train" else "evaluation"
    assert render(setting, frames, tokens) == whole


def test_the_prompts_default_to_the_settings_of_the_paper() -> None:
    assert training_prompt() == render("training", 6, 256)
    assert evaluation_prompt() == render("evaluation", 12, 400)


@pytest.mark.parametrize("setting", ["training", "evaluation"])
@pytest.mark.parametrize(("frames", "tokens"), [(1, 1), (3, 16), (12, 4)])
def test_the_motion_token_is_the_last_image_token_and_stands_alone(
    setting: str, frames: int, tokens: int
) -> None:
    prompt = render(setting, frames, tokens)  # type: ignore[arg-type]
    images = re.findall(r"<img>((?:<IMG_CONTEXT>)+)</img>", prompt)
    assert [image.count("<IMG_CONTEXT>") for image in images] == [tokens] * frames + [1]
    assert prompt.count("<IMG_CONTEXT>") == frames * tokens + 1
    assert f"Frame{frames}:" in prompt
    assert f"Frame{frames + 1}:" not in prompt


@pytest.mark.parametrize(("frames", "tokens", "wrong"), [(0, 1, "frames"), (1, 0, "tokens")])
def test_a_prompt_without_frames_or_tokens_is_refused(frames: int, tokens: int, wrong: str) -> None:
    with pytest.raises(ValueError, match=rf"{wrong}\w* is 0"):
        training_prompt(frames, tokens)


@pytest.mark.parametrize(("text", "score", "coarse", "why"), ANSWERS)
def test_an_answer_with_a_number_is_read(text: str, score: float, coarse: bool, why: str) -> None:
    assert parse(text) == Answer(score, "ok", coarse), why


@pytest.mark.parametrize(("text", "why"), FAILURES)
def test_an_answer_without_a_number_is_a_parse_failure(text: str, why: str) -> None:
    assert parse(text) == Answer(None, "no_number", coarse=False), why


@pytest.mark.parametrize(("text", "expected", "why"), FORMATS)
def test_the_format_is_that_of_the_whole_completion(text: str, expected: bool, why: str) -> None:
    assert has_format(text) is expected, why


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_reading_agrees_with_the_regular_expressions_of_the_method(text: str) -> None:
    answers = re.findall(r"<answer>(.*?)</answer>", text, re.DOTALL)
    found = re.search(r"-?\d+(\.\d+)?", answers[-1] if answers else text)
    assert parse(text).score == (float(found.group()) if found else None)
    whole = re.fullmatch(r"<think>.*?</think>\s*<answer>.*?</answer>", text, re.DOTALL)
    assert has_format(text) is (whole is not None)


def test_the_format_agrees_with_the_authors_function() -> None:
    for batch in json.loads((GOLDENS / "rewards.json").read_text(encoding="utf-8")):
        assert [float(has_format(text)) for text in batch["completions"]] == batch["format"]
