"""The prompts a policy reads, to the character.

Source: docs/method.md, section 2; authors' `grpo_jsonl.py`, `internvl_module.py` and
`batch_infer.py` at ee47a40. The wording is in `prompts.yaml`.
"""

from functools import cache
from importlib.resources import files
from typing import Any, Literal

from vqathinker.errors import InputError
from vqathinker.phases.yaml12 import parse_yaml

# The demo's words: levels of strength, and kinds of degradation.
LEVELS = ("no", "faint", "slight", "mild", "clear", "strong", "severe", "extreme")
KINDS = {
    "x264": "compression", "x265": "compression", "vp9": "compression", "blur": "blur",
    "noise": "noise", "exposure": "exposure", "freeze": "stutter", "stutter": "stutter",
    "drop": "stutter",
}  # fmt: skip
WORDS = tuple(dict.fromkeys(KINDS.values()))

Setting = Literal["training", "evaluation"]


def degradation_question(options: str) -> str:
    """The demo's question on the kind of degradation; `options` as "A: blur, B: noise"."""
    return str(_prompt_parts()["degradation"].format(options=options))


def attribute_question(attribute: str, low: str, high: str) -> str:
    """The question on one attribute, in the words of that on quality as a whole.

    `low` and `high` say what 1 and 5 stand for.
    """
    return str(_prompt_parts()["attribute"].format(attribute=attribute, low=low, high=high))


def render(
    setting: Setting, frames: int, tokens_per_frame: int, *, thinking: bool = True,
    motion: bool = True, question: str | None = None,
) -> str:  # fmt: skip
    """The chat text for a video of `frames` frames, up to where the assistant begins to speak.

    Each frame is `tokens_per_frame` times `<IMG_CONTEXT>` between `<img>` and `</img>`; the motion
    token is the last `<IMG_CONTEXT>`, alone, after the frames.

    Args:
        thinking: whether to ask for a thought before the answer.
        motion: whether the prompt has the line of the motion token.
        question: replaces the paper's question on quality.

    Raises:
        InputError: `frames` or `tokens_per_frame` is below 1.

    >>> render("training", frames=1, tokens_per_frame=2).splitlines()[4:6]
    ['Frame1:<img><IMG_CONTEXT><IMG_CONTEXT></img>', 'Motion Feature:<img><IMG_CONTEXT></img>']
    """
    if frames < 1 or tokens_per_frame < 1:
        raise InputError(
            f"frames is {frames}, tokens_per_frame {tokens_per_frame}; expected at least 1: check "
            "the clip setting"
        )
    wording = _prompt_parts()
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
    asked = wording["question"] if question is None else question
    user += lines["closing"].format(question=asked, instruction=instruction)
    return str(wording["chat"].format(system=wording["system"], user=user))


@cache
def _prompt_parts() -> dict[str, Any]:
    text = files("vqathinker.policy").joinpath("prompts.yaml").read_text(encoding="utf-8")
    wording: dict[str, Any] = parse_yaml(text)
    return wording
