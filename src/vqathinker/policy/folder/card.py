"""The model card of a policy folder: method, data, parameters, results, limits, licence, usage.

Results are measured after a policy is written: `with_results` fills in their section, which is
between two marks of the template `card.md`.
"""

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, reading
from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.label_sentences import about_scores
from vqathinker.products import POLICY, TABLE

METHODS = {"grpo": "GRPO", "sft": "supervised fine-tuning"}  # by training.method
_BEGIN, _END = "<!-- results: begin -->", "<!-- results: end -->"
ABOUT_RESULTS = (
    "Not filled in. The pipeline writes its tables, with n and with what is missing, to "
    "`results/SCALE/tables/`;\n`vqathinker policy card DIR --tables FILE.md` puts them here."
)

_LICENCE = (
    "The code is under the Apache licence 2.0. These weights carry the terms of what they were "
    "made from: {parts}."
)
_INTERNVL = "InternVL3 (MIT, with Qwen2.5 under Apache 2.0)"
_SLOWFAST = "SlowFast-R50 of pytorchvideo (Apache 2.0), trained on Kinetics-400"
_DEMO = "nothing but the demo's own videos, and scikit-image's photographs where it is installed"


def model_card(title: str, about: str, config: VQAThinkerConfig, provenance: dict[str, Any]) -> str:
    """The card as Markdown, from what is on record; `about` says in a sentence what it is."""
    settings, shape = provenance.get("settings"), config.setting
    frames = "sampled frames" if shape is None else f"frames sampled as {shape} (frames x size)"
    own = provenance.get("evaluation", {}).get("score")
    shown = f"\nTables show its `{own}` score, which `vqathinker score` gives, too." if own else ""
    labels = provenance.get("trained_on", {}).get("mos")
    scale = f" ({labels[0]:g} to {labels[-1]:g})" if labels else ""
    template = files("vqathinker.policy.folder").joinpath("card.md").read_text(encoding="utf-8")
    return template.format(
        title=title, about=about, frames=frames, seen_and_said=_seen_and_said(config),
        method=_describe_method(provenance), score=shown,
        data=_describe_data(provenance), parameters=json.dumps(settings, indent=1),
        worth=about_scores(provenance), scale=scale,
        begin=_BEGIN, results=ABOUT_RESULTS, end=_END, licence=_licence(config),
    )  # fmt: skip


def write_results(card: Path, tables: Sequence[Path]) -> None:
    """Put tables, Markdown files, into a policy's card, in place of those that it had.

    Raises:
        InputError: a file cannot be read, holds no table, or is not the card of a policy folder.
    """
    texts = []
    for path in tables:
        with reading(path, *TABLE):
            texts.append(path.read_text(encoding="utf-8"))
        if not texts[-1].lstrip().startswith("|"):
            raise InputError(f"{path}: begins with no table in Markdown; expected {TABLE}")
    with reading(card, "the card of a policy's folder", POLICY.remedy):
        before = card.read_text(encoding="utf-8")
    content = with_results(before, texts, str(card))
    with whole_file(card) as part:
        part.write_text(content, encoding="utf-8")


def with_results(card: str, tables: Sequence[str], name: str = "the card") -> str:
    """The card with these tables as its results; `name` is what an error calls it."""
    head, begin, rest = card.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not (begin and end):
        raise InputError(f"{name}: has no {_BEGIN} … {_END}; expected {POLICY}")
    return "\n".join([head + begin, "\n\n".join(table.strip() for table in tables), end + tail])


def _describe_method(provenance: dict[str, Any]) -> str:
    if "run" not in provenance:
        return "No reinforcement learning yet: this is a policy that training can start from."
    settings = provenance["settings"]
    method = METHODS[settings["training"].get("method", "grpo")]
    begin = f"Run `{provenance['run']}`: {provenance['steps']} steps of {method}"
    if settings["training"].get("lora"):
        begin += " with low-rank adapters, in `adapters/`, which are merged into float32 weights"
    if method != METHODS["grpo"]:
        return f"{begin} on the scores themselves; nothing was rewarded."
    weights = settings["rewards"]["weights"]
    rewards = ", ".join(name for name, weight in weights.items() if weight)
    return f"{begin}, rewarded for {rewards}."


def _seen_and_said(config: VQAThinkerConfig) -> str:
    seen = "and one motion token" if config.motion_token else "alone, without a motion token"
    if config.thinking:
        said = "thinks\nin words, and closes with a score, `<think>…</think><answer>3.42</answer>`"
        return f"{seen}, {said}"
    return f"{seen}, and\nanswers with a score alone, `<answer>3.42</answer>`"


def _describe_data(provenance: dict[str, Any]) -> str:
    if "run" not in provenance:
        return "None that has a score."
    where, setting = provenance.get("data", "not recorded"), provenance.get("setting")
    clips = f"; clips {setting}" if setting else ""
    return f"Scores of `{where}`{clips}. Benchmarks and their labels were not looked at."


def _licence(config: VQAThinkerConfig) -> str:
    made = config.motion.get("encoder") == "filter_bank"
    parts = _DEMO if made else f"{_INTERNVL}, {_SLOWFAST}, and the labels of the training set"
    return _LICENCE.format(parts=parts)
