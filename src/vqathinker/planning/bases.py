"""The base policy of params.yaml before it is there: its configuration, the length of a prompt."""

import re
from pathlib import Path
from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

from vqathinker.errors import InputError
from vqathinker.params import DemoBaseParams, Parameters, RunParams
from vqathinker.params.base import BaseParams
from vqathinker.planning.sizes import PolicySizes, measure
from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.demo_speech import PHRASES
from vqathinker.policy.folder.checkpoint import read_config, read_tokenizer
from vqathinker.policy.inputs import prompt_ids
from vqathinker.policy.prompt import Setting, render
from vqathinker.policy.sizes import SIZES, config_of
from vqathinker.policy.tiny import build_policy, build_tokenizer
from vqathinker.video.sampling import ClipSetting, parse_setting

__all__ = ["PlannedBase", "planned_base", "planned_row", "prompt_length", "sizes_of_bases"]

# Pieces that InternVL3's tokenizer never joins: its own tokens, words with the blank before them,
# single digits, and runs of other characters. Common English words are one token each; a Chinese
# character is counted as one, too.
_PIECES = re.compile(
    r"<[|/]?\w+\|?>| ?[A-Za-z]+|[\u4e00-\u9fff]|\d|\n+| ?[^\sA-Za-z\d\u4e00-\u9fff<]+"
)


class PlannedBase(NamedTuple):
    """Configuration of a base policy, and its tokenizer where there is one already."""

    config: VQAThinkerConfig
    tokenizer: PreTrainedTokenizerBase | None


def planned_base(base: BaseParams, folder: Path, clip: ClipSetting) -> PlannedBase:
    """From the policy folder where it is there already, else from what is known of the size.

    Raises:
        InputError: it is not there, and no InternVL3 of that name is known.
    """
    if isinstance(base, DemoBaseParams):
        tokenizer = build_tokenizer(PHRASES)
        return PlannedBase(build_policy(base, tokenizer, clip.size).config, tokenizer)
    if (folder / "config.json").is_file():
        return PlannedBase(read_config(folder), read_tokenizer(folder))
    size = base.name.rpartition("-")[2].upper()
    if not base.name.startswith("internvl3-") or size not in SIZES:
        known = ", ".join(f"internvl3-{name.lower()}" for name in SIZES)
        raise InputError(
            f"base.name is {base.name}, whose sizes are not known before it is there; "
            f"expected {known}, or fetch it first with `vqathinker base`"
        )
    return PlannedBase(config_of(size), None)


def sizes_of_bases(params: Parameters) -> dict[str, PolicySizes]:
    """Sizes of every base policy of a scale by its name, without those that nobody knows yet.

    A checkpoint in the authors' layout has its size at the end of its repository's name.
    """
    found = {}
    for row in params.runs.values():
        base, clip = row.base, parse_setting(row.clips.train_setting)
        if base.name in found:
            continue
        folder, size = Path("models/base", base.name), ""
        if base.kind != "demo" and not (folder / "config.json").is_file():
            size = base.source.removesuffix("-hf").rpartition("-")[2].upper()
        if size in SIZES:
            found[base.name] = measure(config_of(size))
        elif base.kind == "demo" or not size:
            found[base.name] = measure(planned_base(base, folder, clip).config)
    return found


def planned_row(row: RunParams) -> PlannedBase:
    """The base policy behind a run.

    Raises:
        InputError: as `planned_base`.
    """
    clip = parse_setting(row.clips.train_setting)
    return planned_base(row.base, Path("models/base", row.base.name), clip)


def prompt_length(
    base: PlannedBase, setting: Setting, clip: ClipSetting, *, thinking: bool = True,
    motion: bool = True,
) -> int:  # fmt: skip
    """Tokens of a prompt: counted by the tokenizer, or piece by piece where there is none.

    `thinking` and `motion` are what `render` takes: for a thought, with the motion token.
    """
    frame = base.config.tokens_per_frame(clip.size)
    if base.tokenizer is not None:
        ids = prompt_ids(
            base.tokenizer, setting, clip.frames, frame, thinking=thinking, motion=motion
        )
        return len(ids)
    text = render(setting, clip.frames, frame, thinking=thinking, motion=motion)
    return len(_PIECES.findall(text))
