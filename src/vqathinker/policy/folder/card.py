"""The model card of a policy folder: method, data, parameters, results, limits, licence, usage.

The template is `card.md`. Results are measured after a policy is written: `with_results` inserts
them between two marks.
"""

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, reading
from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.label_sentences import describe_scores
from vqathinker.products import POLICY, TABLE

METHODS = {"grpo": "GRPO", "sft": "supervised fine-tuning"}  # by training.method
_BEGIN, _END = "<!-- results: begin -->", "<!-- results: end -->"
NO_RESULTS = (
    "None yet. The pipeline writes tables, with n and missing videos, to `results/SCALE/tables/`;\n"
    "`vqathinker policy card DIR --tables FILE.md` copies them here."
)

_INTERNVL = "InternVL3 (MIT, with Qwen2.5 under Apache 2.0)"
_SLOWFAST = "SlowFast-R50 of pytorchvideo (Apache 2.0), trained on Kinetics-400"
_DEMO = "the demo's own videos, from drawn pictures and photographs of scikit-image"


def model_card(title: str, about: str, config: VQAThinkerConfig, provenance: dict[str, Any]) -> str:
    """The card as Markdown. `about` is its first paragraph."""
    settings, shape = provenance.get("settings"), config.setting
    frames = "sampled frames" if shape is None else f"frames sampled as {shape} (frames x size)"
    score = provenance.get("evaluation", {}).get("score")
    used = f"\nTables and `vqathinker score` use its `{score}` score." if score else ""
    labels = provenance.get("trained_on", {}).get("mos")
    scale = f" ({labels[0]:g} to {labels[-1]:g})" if labels else ""
    template = files("vqathinker.policy.folder").joinpath("card.md").read_text(encoding="utf-8")
    return template.format(
        title=title,
        about=about,
        frames=frames,
        input_and_output=_input_and_output(config),
        method=_describe_method(provenance),
        score=used,
        data=_describe_data(provenance),
        parameters=json.dumps(settings, indent=1),
        meaning=describe_scores(provenance),
        scale=scale,
        begin=_BEGIN,
        results=NO_RESULTS,
        end=_END,
        licence=_licence(config),
    )


def write_results(card: Path, tables: Sequence[Path]) -> None:
    """Replace the results in a policy's card by tables from Markdown files.

    Raises:
        InputError: a file cannot be read, has no table, or is not the card of a policy folder.
    """
    texts = []
    for path in tables:
        with reading(path, *TABLE):
            texts.append(path.read_text(encoding="utf-8"))
        if not texts[-1].lstrip().startswith("|"):
            raise InputError(f"{path}: does not begin with a Markdown table; expected {TABLE}")
    with reading(card, "the card of a policy", POLICY.remedy):
        before = card.read_text(encoding="utf-8")
    content = with_results(before, texts, str(card))
    with whole_file(card) as part:
        part.write_text(content, encoding="utf-8")


def with_results(card: str, tables: Sequence[str], name: str = "the card") -> str:
    """The card with these tables as its results; `name` is used in errors."""
    head, begin, rest = card.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not (begin and end):
        raise InputError(f"{name}: has no {_BEGIN} … {_END}; expected {POLICY}")
    return "\n".join([head + begin, "\n\n".join(table.strip() for table in tables), end + tail])


def _describe_method(provenance: dict[str, Any]) -> str:
    if "run" not in provenance:
        return "None yet: this is a base policy, from which training can start."
    settings = provenance["settings"]
    method = METHODS[settings["training"].get("method", "grpo")]
    begin = f"Run `{provenance['run']}`: {provenance['steps']} steps of {method}"
    if settings["training"].get("lora"):
        begin += " with low-rank adapters, stored in `adapters/` and merged into float32 weights"
    if method != METHODS["grpo"]:
        return f"{begin} on the training labels, without rewards."
    weights = settings["rewards"]["weights"]
    rewards = ", ".join(name for name, weight in weights.items() if weight)
    return f"{begin}, rewarded for {rewards}."


def _input_and_output(config: VQAThinkerConfig) -> str:
    motion = "and one motion token" if config.motion_token else "without a motion token"
    if config.thinking:
        answer = "<think>…</think><answer>3.42</answer>"
        return f"{motion}, writes its\nreasoning, and answers with a score: `{answer}`"
    return f"{motion}, and\nanswers with a score only: `<answer>3.42</answer>`"


def _describe_data(provenance: dict[str, Any]) -> str:
    if "run" not in provenance:
        return "No labels."
    manifest, setting = provenance.get("data", "not recorded"), provenance.get("setting")
    clips = f"; clips {setting}" if setting else ""
    held_out = len(provenance.get("trained_on", {}).get("held_out", ()))
    unseen = f"The {held_out} videos that were held out" if held_out else "Benchmarks"
    return f"Labels of `{manifest}`{clips}. {unseen} were not used for training."


def _licence(config: VQAThinkerConfig) -> str:
    made = config.motion.get("encoder") == "filter_bank"
    return _DEMO if made else f"{_INTERNVL}, {_SLOWFAST}, and the labels of the training set"
