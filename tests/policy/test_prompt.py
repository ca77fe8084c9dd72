"""Prompts.

Golden values: `prompts.json`, made with the authors' functions
(clh124/VQAThinker at ee47a40); the folder can be another one, named by VQATHINKER_GOLDENS.
"""

import json
import os
import re
from pathlib import Path

import pytest

from vqathinker.policy.prompt import render_prompt

GOLDENS = Path(os.environ["VQATHINKER_GOLDENS"])


@pytest.mark.parametrize(("name", "frames", "tokens"), [("train", 6, 256), ("test", 12, 400)])
def test_prompts_equal_the_authors(name: str, frames: int, tokens: int) -> None:
    golden = json.loads((GOLDENS / "prompts.json").read_text(encoding="utf-8"))[name]
    whole = re.sub(r"<IMG_CONTEXT>\*(\d+)", lambda m: "<IMG_CONTEXT>" * int(m[1]), golden)
    setting = "training" if name == "train" else "evaluation"
    assert render_prompt(setting, frames, tokens) == whole


@pytest.mark.parametrize("setting", ["training", "evaluation"])
def test_without_thinking_the_prompt_asks_for_the_answer_only(setting: str) -> None:
    prompt = render_prompt(setting, 6, 4, thinking=False)  # type: ignore[arg-type]
    prompt_end, usual = (
        text.split("<|im_end|>")[1] for text in (prompt, render_prompt(setting, 6, 4))
    )  # type: ignore[arg-type]
    assert prompt_end.endswith("Output the final answer in <answer> </answer> tags.")
    assert "think" not in prompt_end
    assert prompt_end.split("Output")[0] == usual.split("First output")[0]


@pytest.mark.parametrize("setting", ["training", "evaluation"])
def test_without_motion_only_its_line_is_missing(setting: str) -> None:
    without, usual = (render_prompt(setting, 6, 4, motion=motion) for motion in (False, True))  # type: ignore[arg-type]
    at = usual.index("Motion Feature")
    line = usual[at : usual.index("</img>", at) + len("</img>")]
    assert line.count("<IMG_CONTEXT>") == 1
    assert without in {usual.replace(line, ""), usual.replace(line + "\n", "")}
