"""The prompts a policy reads, to the character, and the reading of what it answers.

Source: docs/method.md, sections 2 and 3; authors' `grpo_jsonl.py`, `internvl_module.py` and
`batch_infer.py` at ee47a40. The wording lies in `prompts.yaml`.

Departures from the released code:
1. An answer without a number is a parse failure, `Answer(None, "no_number")`, where the authors
   draw a random number (training) or say 3.00 (evaluation). Theirs is not offered.
2. Training and evaluation read an answer in the same way, from the last `<answer>`. The authors'
   evaluation script reads the first one, and takes it only if nothing but a number stands in it.
"""

import math
import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import yaml

__all__ = [
    "Answer",
    "ParseStatus",
    "Setting",
    "evaluation_prompt",
    "has_format",
    "parse",
    "render",
    "training_prompt",
]

Setting = Literal["training", "evaluation"]
ParseStatus = Literal["ok", "no_number"]

_OPEN, _CLOSE, _THINK = "<answer>", "</answer>", "<think>"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_THOUGHT_THEN_ANSWER = re.compile(r"</think>\s*<answer>")
_COARSE_DECIMALS = 2


class Answer(NamedTuple):
    """What a completion says: `score` is None exactly when `status` is not "ok".

    `coarse` tells that the number has fewer than two significant decimals, trailing zeros not
    counted ("3.50" is coarse, "3.05" is not); a parse failure is not coarse.
    """

    score: float | None
    status: ParseStatus
    coarse: bool


_FAILURE = Answer(None, "no_number", False)


def training_prompt(frames: int = 6, tokens_per_frame: int = 256) -> str:
    """The whole chat text of a training prompt (see `render`)."""
    return render("training", frames, tokens_per_frame)


def evaluation_prompt(frames: int = 12, tokens_per_frame: int = 400) -> str:
    """The whole chat text of an evaluation prompt (see `render`)."""
    return render("evaluation", frames, tokens_per_frame)


def render(setting: Setting, frames: int, tokens_per_frame: int) -> str:
    """The chat text for a video of `frames` frames, up to where the assistant begins to speak.

    Each frame stands as `tokens_per_frame` times `<IMG_CONTEXT>` between `<img>` and `</img>`; the
    motion token is the last `<IMG_CONTEXT>`, alone, after the frames.

    Raises:
        ValueError: `frames` or `tokens_per_frame` is below 1.

    >>> render("training", frames=1, tokens_per_frame=2).splitlines()[4:6]
    ['Frame1:<img><IMG_CONTEXT><IMG_CONTEXT></img>', 'Motion Feature:<img><IMG_CONTEXT></img>']
    """
    for name, value in (("frames", frames), ("tokens_per_frame", tokens_per_frame)):
        if value < 1:
            raise ValueError(
                f"{name} is {value}; a prompt needs at least 1: check the clip setting"
            )
    wording = _prompt_parts()
    lines = wording["settings"][setting]
    user = (
        lines["opening"]
        + "".join(
            lines["frame"].format(number=number, image=_image(wording, tokens_per_frame))
            for number in range(1, frames + 1)
        )
        + lines["motion"].format(image=_image(wording, 1))
        + lines["closing"].format(question=wording["question"], instruction=wording["instruction"])
    )
    return str(wording["chat"].format(system=wording["system"], user=user))


def parse(completion: str) -> Answer:
    """Read the number of a completion: the first one in the last `<answer>…</answer>`.

    Without any complete `<answer>` the whole text is read. A number is `-?\\d+(\\.\\d+)?`; one too
    large for a float counts as none. Nothing is clipped to 1…5.

    >>> parse("<think>sharp</think><answer>3.42</answer>")
    Answer(score=3.42, status='ok', coarse=False)
    >>> parse("<think>3 frames</think><answer>good</answer>")
    Answer(score=None, status='no_number', coarse=False)
    """
    start, end = _last_answer(completion)
    found = _NUMBER.search(completion, start, end)
    return _FAILURE if found is None else _read_number(found.group())


def has_format(completion: str) -> bool:
    """Whether the whole completion is `<think>.*?</think>\\s*<answer>.*?</answer>`.

    A dot matches line breaks too, so what stands between the tags is free, other tags included; no
    blank may come before the first or after the last tag.

    >>> has_format("<think>sharp</think> <answer>good</answer>")
    True
    >>> has_format("<think>sharp</think> so <answer>3.42</answer>")
    False
    """
    if not (completion.startswith(_THINK) and completion.endswith(_CLOSE)):
        return False
    inner_end = len(completion) - len(_CLOSE)
    return _THOUGHT_THEN_ANSWER.search(completion, len(_THINK), inner_end) is not None


@lru_cache(maxsize=4096)  # scores of two decimals repeat all the time
def _read_number(number: str) -> Answer:
    score = float(number)
    if not math.isfinite(score):
        return _FAILURE
    # The authors judge the printed float, not the text: "2.920" is as fine as "2.92".
    decimals = str(score).partition(".")[2].rstrip("0")
    return Answer(score, "ok", len(decimals) < _COARSE_DECIMALS)


def _last_answer(completion: str) -> tuple[int, int]:
    """Where the text of the last complete answer begins and ends, else the whole completion.

    Answers do not nest: the first `</answer>` after an `<answer>` closes it.
    """
    last = (0, len(completion))
    position = 0
    while (opening := completion.find(_OPEN, position)) >= 0:
        start = opening + len(_OPEN)
        end = completion.find(_CLOSE, start)
        if end < 0:
            break
        last = (start, end)
        position = end + len(_CLOSE)
    return last


def _image(wording: dict[str, Any], tokens: int) -> str:
    return str(wording["image"].format(tokens=wording["token"] * tokens))


@cache
def _prompt_parts() -> dict[str, Any]:
    text = files("vqathinker.policy").joinpath("prompts.yaml").read_text(encoding="utf-8")
    wording: dict[str, Any] = yaml.safe_load(text)
    return wording
