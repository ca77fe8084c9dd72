"""The prompts, equal to the authors' to the character. Their wording is in `prompts.yaml`.

Source: docs/method.md, section 2; authors' `grpo_jsonl.py`, `internvl_module.py` and
`batch_infer.py` at ee47a40.
"""

from functools import cache
from importlib.resources import files
from typing import Any, Literal

from vqathinker.phases.yaml12 import parse_yaml

# The demo's words for the strength and the kind of a degradation.
LEVELS = ("no", "faint", "slight", "mild", "clear", "strong", "severe", "extreme")
DEGRADATION_WORDS = {
    "x264": "compression",
    "x265": "compression",
    "vp9": "compression",
    "mjpeg": "compression",
    "blur": "blur",
    "noise": "noise",
    "downscale": "scaling",
    "sharpen": "sharpening",
    "exposure": "exposure",
    "contrast": "exposure",
    "colour": "colour",
    "freeze": "stutter",
    "stutter": "stutter",
    "judder": "stutter",
    "drop": "stutter",
}
DEGRADATION_NAMES = tuple(dict.fromkeys(DEGRADATION_WORDS.values()))

Setting = Literal["training", "evaluation"]


def degradation_question(options: str) -> str:
    """The demo's question about the kind of degradation; `options` as in "A: blur, B: noise"."""
    return str(_wording()["degradation"].format(options=options))


def attribute_question(attribute: str, low: str, high: str) -> str:
    """The question about one attribute of quality; `low` and `high` describe scores 1 and 5."""
    return str(_wording()["attribute"].format(attribute=attribute, low=low, high=high))


def render_prompt(
    setting: Setting,
    frames: int,
    tokens_per_frame: int,
    *,
    thinking: bool = True,
    motion: bool = True,
    question: str | None = None,
) -> str:
    """The conversation up to the beginning of the completion.

    Each frame is `tokens_per_frame` times `<IMG_CONTEXT>` between `<img>` and `</img>`. The motion
    token is a single `<IMG_CONTEXT>` after the frames.

    Args:
        thinking: ask for `<think>…</think>` before the answer.
        motion: include the line with the motion token.
        question: replaces the paper's question about quality.

    >>> render_prompt("training", frames=1, tokens_per_frame=2).splitlines()[4:6]
    ['Frame1:<img><IMG_CONTEXT><IMG_CONTEXT></img>', 'Motion Feature:<img><IMG_CONTEXT></img>']
    """
    wording = _wording()
    lines = wording["settings"][setting]
    instruction = wording["instruction" if thinking else "instruction_alone"]
    frame, motion_image = (
        wording["image"].format(tokens=wording["token"] * tokens)
        for tokens in (tokens_per_frame, 1)
    )
    user = lines["opening"]
    for number in range(1, frames + 1):
        user += lines["frame"].format(number=number, image=frame)
    if motion:
        user += lines["motion"].format(image=motion_image)
    question = wording["question"] if question is None else question
    user += lines["closing"].format(question=question, instruction=instruction)
    return str(wording["chat"].format(system=wording["system"], user=user))


@cache
def _wording() -> dict[str, Any]:
    text = files("vqathinker.policy").joinpath("prompts.yaml").read_text(encoding="utf-8")
    wording: dict[str, Any] = parse_yaml(text)
    return wording
