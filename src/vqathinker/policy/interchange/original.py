"""The authors' checkpoint layout: import to a policy folder and export back, tensor by tensor.

Source: docs/method.md, section 2.

Tensors keep their bits and their precision on both ways; only names change, and the image encoder's
queries, keys and values, one tensor there, are three here. Nothing is unpickled, no code that a
checkpoint brings is run, and no more than a shard is held in memory.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import torch
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from vqathinker.errors import InputError, read_json, reading
from vqathinker.hashing import sha256_of_file
from vqathinker.policy.config import AUTHORS_SETTING, VQAThinkerConfig, require_tensors
from vqathinker.policy.folder.checkpoint import (
    policy_folder,
    read_config,
    read_provenance,
    read_tokenizer,
)
from vqathinker.policy.folder.hashes import HASHED
from vqathinker.policy.folder.shards import Shards, write_shards
from vqathinker.policy.inputs import end_answers_with_turns, generation_defaults, image_token
from vqathinker.policy.interchange.original_layout import (
    from_original,
    original_name,
    to_original,
)
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.motion.slowfast import SlowFastR50

_AUTHORS_SCORE: Final = "greedy"  # what the authors evaluate
_HEAD, _ENCODER = "language_model.lm_head.weight", "slowfast_model."
_CONFIG = ("the configuration of a checkpoint in the authors' layout", "download it whole")
_TOKENIZER = (
    "a checkpoint with its tokenizer",
    "put tokenizer.json (or vocab.json, merges.txt) and tokenizer_config.json beside the weights",
)
_CARD = """\
Imported from a checkpoint in the authors' layout ({source}); the tensors are theirs, bit by bit.
"""


def has_motion_encoder(source: Path) -> bool:
    """Whether a checkpoint in the original layout has SlowFast's weights among its own."""
    return any(name.startswith(_ENCODER) for name in Shards(source))


def import_original(
    source: Path, out: Path, setting: str = AUTHORS_SETTING, *, encoder: SlowFastR50 | None = None,
    origin: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Turn a checkpoint in the original layout into the policy folder `out`.

    Args:
        source: a folder with `config.json`, tokenizer and safetensors, sharded or not.
        setting: frames x size of the clips that the policy is meant to be asked about.
        encoder: the motion encoder of a checkpoint that has none; not looked at where it has one.
        origin: what the record is to say of where `source` comes from.

    Raises:
        InputError: configuration, tokenizer or safetensors are missing, cannot be read or are not
            those of InternVL on Qwen2; or tensors are missing, not expected or misshapen.
    """
    shards, theirs = Shards(source), read_json(source / "config.json", *_CONFIG)
    given, shapes = dict(shards), dict(shards.shapes)
    if not has_motion_encoder(source):
        if encoder is None:
            raise InputError(
                f"{source}: no tensor {_ENCODER}*; name SlowFast's weights in base.motion.weights"
            )
        for name, tensor in encoder.state_dict().items():
            old, _ = original_name(f"model.motion_encoder.{name}")
            given[old], shapes[old] = tensor.clone, tuple(tensor.shape)
    tokenizer = _tokenizer(source)
    end_answers_with_turns(tokenizer)
    tied = bool(theirs.get("llm_config", {}).get("tie_word_embeddings")) and _HEAD not in given
    config = from_original(theirs, image_token(tokenizer), tied, setting)
    own = own_shapes(config)
    plan = {name: original_name(name) for name in own}
    expected = {
        old: own[name] if third is None else (3 * own[name][0], *own[name][1:])
        for name, (old, third) in plan.items()
    }
    require_tensors(source, expected, shapes)
    config.dtype = given[plan["model.language_model.norm.weight"][0]]().dtype
    hashes = {p.name: sha256_of_file(p) for p in sorted(source.iterdir()) if p.suffix in HASHED}
    provenance = {
        "made_by": "vqathinker policy import", "source": source.name,
        "sha256": hashes, "evaluation": {"score": _AUTHORS_SCORE}, **(origin or {}),
    }  # fmt: skip
    about = _CARD.format(source=provenance["source"])
    with policy_folder(out, config, tokenizer, about, provenance) as part:
        config.save_pretrained(part)
        generation_defaults(tokenizer).save_pretrained(part)
        tensors = ((name, _qkv_part(given[old], third)) for name, (old, third) in plan.items())
        write_shards(part, tensors)


def export_original(policy: Path, out: Path) -> None:
    """Write a policy folder in the original layout to `out`; what was there is replaced.

    Raises:
        InputError: tensors are missing, not expected or misshapen, or the policy has another motion
            encoder than the authors'.
    """
    given, config = Shards(policy), read_config(policy)
    theirs, shapes = to_original(config), own_shapes(config)
    require_tensors(policy, shapes, given.shapes)
    parts: dict[str, list[Callable[[], Tensor]]] = {}
    for name in sorted(shapes, key=original_name):  # queries, keys, values in this order
        parts.setdefault(original_name(name)[0], []).append(given[name])
    about, record = "In the authors' layout.\n", read_provenance(policy)
    with policy_folder(out, None, read_tokenizer(policy), about, record) as part:
        (part / "config.json").write_text(json.dumps(theirs, indent=2) + "\n", encoding="utf-8")
        write_shards(part, ((old, partial(_join, some)) for old, some in parts.items()))


def _join(parts: list[Callable[[], Tensor]]) -> Tensor:
    return parts[0]() if len(parts) == 1 else torch.cat([read() for read in parts])


def own_shapes(config: VQAThinkerConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors that a policy folder of this configuration holds."""
    with torch.device("meta"):
        state = VQAThinkerForConditionalGeneration(config).state_dict()
    if config.tie_word_embeddings:
        del state["lm_head.weight"]
    return {name: tuple(tensor.shape) for name, tensor in sorted(state.items())}


def _qkv_part(read: Callable[[], Tensor], part: int | None) -> Callable[[], Tensor]:
    return read if part is None else lambda: read().chunk(3)[part]


def _tokenizer(source: Path) -> PreTrainedTokenizerBase:
    """From its own files alone: the configuration beside them names code that is not run here."""
    with TemporaryDirectory() as folder:
        for path in source.glob("*"):
            if path.suffix in (".json", ".txt") and path.name != "config.json":
                shutil.copy(path, folder)
        with reading(source, *_TOKENIZER):
            return AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
