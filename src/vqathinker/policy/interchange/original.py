"""Import and export checkpoints in the authors' layout.

Tensors keep their bits and precision both ways. Names change, and the queries, keys and values of
the image encoder are one tensor there and three here. Nothing is unpickled, no code of a checkpoint
is run, and at most one shard is in memory.

Source: docs/method.md, section 2.
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
from vqathinker.policy.config import AUTHORS_SETTING, VQAThinkerConfig, check_tensors
from vqathinker.policy.folder.checkpoint import (
    policy_folder,
    read_config,
    read_provenance,
    read_tokenizer,
)
from vqathinker.policy.folder.hashes import HASHED
from vqathinker.policy.folder.shards import Shards, write_shards
from vqathinker.policy.inputs import default_generation_config, image_token_id, set_end_token
from vqathinker.policy.interchange.original_layout import (
    from_original,
    original_name,
    to_original,
)
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.motion.slowfast import SlowFastR50

_AUTHORS_SCORE: Final = "greedy"  # of the authors' evaluation
_HEAD, _ENCODER = "language_model.lm_head.weight", "slowfast_model."
_CONFIG = ("the configuration of a checkpoint in the authors' layout", "download it again")
_TOKENIZER = (
    "a checkpoint with its tokenizer",
    "put tokenizer.json (or vocab.json, merges.txt) and tokenizer_config.json next to the weights",
)
_CARD = "Imported from a checkpoint in the authors' layout ({source}); tensors are unchanged.\n"


def has_motion_encoder(source: Path) -> bool:
    """Whether a checkpoint in the authors' layout includes SlowFast's weights."""
    return any(name.startswith(_ENCODER) for name in Shards(source))


def import_original(
    source: Path,
    out: Path,
    setting: str = AUTHORS_SETTING,
    *,
    encoder: SlowFastR50 | None = None,
    origin: Mapping[str, Any] | None = None,
) -> None:
    """Convert a checkpoint in the authors' layout to the policy folder `out`.

    Args:
        source: a folder with `config.json`, tokenizer and safetensors, sharded or not.
        setting: frames x size of the clips for evaluation.
        encoder: the motion encoder of a checkpoint without one.
        origin: further provenance.

    Raises:
        InputError: configuration, tokenizer or safetensors are missing, cannot be read or are not
            those of InternVL with Qwen2; or a tensor is missing, unexpected or has another shape.
    """
    shards, original_config = Shards(source), read_json(source / "config.json", *_CONFIG)
    tensors, shapes = dict(shards), dict(shards.shapes)
    if not has_motion_encoder(source):
        if encoder is None:
            raise InputError(
                f"{source}: no tensor {_ENCODER}*; set base.motion.weights to SlowFast's weights"
            )
        for name, tensor in encoder.state_dict().items():
            old, _ = original_name(f"model.motion_encoder.{name}")
            tensors[old], shapes[old] = tensor.clone, tuple(tensor.shape)
    tokenizer = _tokenizer(source)
    set_end_token(tokenizer)
    tied = bool(original_config.get("llm_config", {}).get("tie_word_embeddings"))
    tied = tied and _HEAD not in tensors
    with reading(source / "config.json", *_CONFIG):
        config = from_original(original_config, image_token_id(tokenizer), tied, setting)
    own = own_shapes(config)
    originals = {name: original_name(name) for name in own}  # name and third of it, if any
    expected = {
        old: own[name] if third is None else (3 * own[name][0], *own[name][1:])
        for name, (old, third) in originals.items()
    }
    check_tensors(source, expected, shapes)
    config.dtype = tensors[originals["model.language_model.norm.weight"][0]]().dtype
    hashes = {p.name: sha256_of_file(p) for p in sorted(source.iterdir()) if p.suffix in HASHED}
    provenance = {
        "made_by": "vqathinker policy import",
        "source": source.name,
        "sha256": hashes,
        "evaluation": {"score": _AUTHORS_SCORE},
        **(origin or {}),
    }
    about = _CARD.format(source=provenance["source"])
    with policy_folder(out, config, tokenizer, about, provenance) as part:
        config.save_pretrained(part)
        default_generation_config(tokenizer).save_pretrained(part)
        write_shards(
            part, ((name, _qkv_slice(tensors[old], n)) for name, (old, n) in originals.items())
        )


def export_original(policy: Path, out: Path) -> None:
    """Write a policy folder in the authors' layout to `out`, replacing it.

    Raises:
        InputError: a tensor is missing, unexpected or has another shape, or the policy has another
            motion encoder than the authors'.
    """
    tensors, config = Shards(policy), read_config(policy)
    original_config, shapes = to_original(config), own_shapes(config)
    check_tensors(policy, shapes, tensors.shapes)
    parts: dict[str, list[Callable[[], Tensor]]] = {}
    for name in sorted(shapes, key=original_name):  # queries, keys, values in this order
        parts.setdefault(original_name(name)[0], []).append(tensors[name])
    about, record = "In the authors' layout.\n", read_provenance(policy)
    with policy_folder(out, None, read_tokenizer(policy), about, record) as part:
        content = json.dumps(original_config, indent=2) + "\n"
        (part / "config.json").write_text(content, encoding="utf-8")
        write_shards(part, ((old, partial(_concatenate, reads)) for old, reads in parts.items()))


def _concatenate(parts: list[Callable[[], Tensor]]) -> Tensor:
    return parts[0]() if len(parts) == 1 else torch.cat([read() for read in parts])


def own_shapes(config: VQAThinkerConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in a policy folder of this configuration."""
    with torch.device("meta"):
        state = VQAThinkerForConditionalGeneration(config).state_dict()
    if config.tie_word_embeddings:
        del state["lm_head.weight"]
    return {name: tuple(tensor.shape) for name, tensor in sorted(state.items())}


def _qkv_slice(read: Callable[[], Tensor], number: int | None) -> Callable[[], Tensor]:
    return read if number is None else lambda: read().chunk(3)[number]


def _tokenizer(source: Path) -> PreTrainedTokenizerBase:
    # AutoTokenizer would follow `config.json` to code of the checkpoint, so it gets a copy without.
    with TemporaryDirectory() as folder:
        for path in source.glob("*"):
            if path.suffix in (".json", ".txt") and path.name != "config.json":
                shutil.copy(path, folder)
        with reading(source, *_TOKENIZER):
            return AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
