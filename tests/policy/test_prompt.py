"""Claims about prompts.

Golden values: `prompts.json`, made with the authors' functions
(clh124/VQAThinker at ee47a40); the folder can be another one, named by VQATHINKER_GOLDENS.
"""

import json
import os
import re
from pathlib import Path

import pytest

from vqathinker.policy.prompt import render

GOLDENS = Path(os.environ["VQATHINKER_GOLDENS"])


@pytest.mark.parametrize(("name", "frames", "tokens"), [("train", 6, 256), ("test", 12, 400)])
def test_prompts_are_the_authors_to_the_character(name: str, frames: int, tokens: int) -> None:
    golden = json.loads((GOLDENS / "prompts.json").read_text(encoding="utf-8"))[name]
    whole = re.sub(r"<IMG_CONTEXT>\*(\d+)", lambda m: "<IMG_CONTEXT>" * int(m[1]), golden)
    setting = "training" if name == "train" else "evaluation"
    assert render(setting, frames, tokens) == whole


@pytest.mark.parametrize("setting", ["training", "evaluation"])
def test_without_thinking_the_answer_alone_is_asked_for(setting: str) -> None:
    prompt = render(setting, 6, 4, thinking=False)  # type: ignore[arg-type]
    asked, usual = (text.split("<|im_end|>")[1] for text in (prompt, render(setting, 6, 4)))  # type: ignore[arg-type]
    assert asked.endswith("Output the final answer in <answer> </answer> tags.")
    assert "think" not in asked
    assert asked.split("Output")[0] == usual.split("First output")[0]


@pytest.mark.parametrize("setting", ["training", "evaluation"])
def test_without_motion_its_line_is_left_out_and_nothing_else(setting: str) -> None:
    bare, usual = (render(setting, 6, 4, motion=motion) for motion in (False, True))  # type: ignore[arg-type]
    at = usual.index("Motion Feature")
    line = usual[at : usual.index("</img>", at) + len("</img>")]
    assert line.count("<IMG_CONTEXT>") == 1
    assert bare in {usual.replace(line, ""), usual.replace(line + "\n", "")}
