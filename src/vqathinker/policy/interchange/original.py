"""The authors' checkpoint layout: import to a policy folder and export back, tensor by tensor.

Source: docs/method.md, section 2; the tensors' names of the released checkpoint
`kkkkkklinhan/InternVL3-VQAThinker-8B`, which are those of InternVL's original layout with
`slowfast_model.*` and `motion_mlp.*` beside them.

Tensors keep their bits and their precision on both ways; only names change, and the image encoder's
queries, keys and values, one tensor there, are three here. Nothing is unpickled, no code that a
checkpoint brings is run, and no more than a shard is held in memory.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from vqathinker.errors import read_json, reading
from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.folder.checkpoint import (
    PolicyError,
    policy_folder,
    read_config,
    read_provenance,
    read_tokenizer,
)
from vqathinker.policy.folder.processor import AUTHORS_SETTING
from vqathinker.policy.folder.shards import Shards, write_shards
from vqathinker.policy.interchange.original_config import from_original, to_original
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.parts import shape_mismatches
from vqathinker.policy.tokens import end_answers_with_turns, generation_defaults, image_token

__all__ = ["export_original", "import_original", "original_name"]

_HEAD = "language_model.lm_head.weight"
_QKV = "qkv"
_CONFIG = ("the configuration of a checkpoint in the authors' layout", "download it whole")
_TOKENIZER = (
    "a checkpoint with its tokenizer",
    "put tokenizer.json (or vocab.json, merges.txt) and tokenizer_config.json beside the weights",
)
_PARTS = {"q_proj": 0, "k_proj": 1, "v_proj": 2}

# Ours to theirs; the first pattern that fits the beginning of a name renames it.
_BODY = {
    r"model\.vision_tower\.embeddings\.cls_token$": "vision_model.embeddings.class_embedding",
    r"model\.vision_tower\.embeddings\.position_embeddings$":
        "vision_model.embeddings.position_embedding",
    r"model\.vision_tower\.embeddings\.patch_embeddings\.projection\.":
        "vision_model.embeddings.patch_embedding.",
    r"model\.vision_tower\.encoder\.layer\.": "vision_model.encoder.layers.",
    r"model\.multi_modal_projector\.layer_norm\.": "mlp1.0.",
    r"model\.multi_modal_projector\.linear_1\.": "mlp1.1.",
    r"model\.multi_modal_projector\.linear_2\.": "mlp1.3.",
    r"model\.motion_encoder\.blocks\.": "slowfast_model.feature_extraction.",
    r"model\.motion_projector\.": "motion_mlp.",
    r"model\.language_model\.": "language_model.model.",
    r"lm_head\.": "language_model.lm_head.",
}  # fmt: skip
# Inside a layer of the image encoder.
_LAYER = {
    r"\.attention\.[qkv]_proj\.": f".attn.{_QKV}.",
    r"\.attention\.projection_layer\.": ".attn.proj.",
    r"\.attention\.(q|k)_norm\.": r".attn.\1_norm.",
    r"\.layernorm_before\.": ".norm1.",
    r"\.layernorm_after\.": ".norm2.",
    r"\.lambda_([12])$": r".ls\1",
}
_CARD = """\
Imported from a checkpoint in the authors' layout ({source}); the tensors are theirs, bit by bit.
"""


def original_name(name: str) -> tuple[str, int | None]:
    """The name of one of our tensors in the original layout, and which third of it ours is.

    >>> original_name("model.vision_tower.encoder.layer.3.attention.k_proj.bias")
    ('vision_model.encoder.layers.3.attn.qkv.bias', 1)
    >>> original_name("model.motion_projector.1.weight")
    ('motion_mlp.1.weight', None)

    Raises:
        KeyError: the original layout has no place for it.
    """
    for pattern, theirs in _BODY.items():
        renamed, count = re.subn("^" + pattern, theirs, name)
        if count:
            break
    else:
        raise KeyError(name)
    qkv_part = None
    if renamed.startswith("vision_model.encoder."):
        qkv_part = next((i for part, i in _PARTS.items() if f".attention.{part}." in renamed), None)
        for pattern, theirs in _LAYER.items():
            renamed = re.sub(pattern, theirs, renamed)
    return renamed, qkv_part


def import_original(source: Path, out: Path, setting: str = AUTHORS_SETTING) -> None:
    """Turn a checkpoint in the original layout into the policy folder `out`.

    Args:
        source: a folder with `config.json`, tokenizer and safetensors, sharded or not.
        setting: frames x size of the clips that the policy is meant to be asked about.

    Raises:
        PolicyError: tensors are missing, not expected or misshapen, all of them listed by name; or
            there is no configuration or tokenizer.
        TokenizerError: the tokenizer has no visual token.
        ConfigError: the configuration is not one of InternVL on Qwen2.
        ShardError: the safetensors are not there or cannot be read.
    """
    given, theirs = Shards(source), _read_config(source)
    tokenizer = _tokenizer(source)
    end_answers_with_turns(tokenizer)
    tied = bool(theirs.get("llm_config", {}).get("tie_word_embeddings")) and _HEAD not in given
    config = from_original(theirs, image_token(tokenizer), tied, setting)
    plan = {name: original_name(name) for name in _own_shapes(config)}
    if wrong := shape_mismatches(_original_shapes(config), given.shapes):
        raise PolicyError(_mismatch_message(source, wrong))
    config.dtype = given[plan["model.language_model.norm.weight"][0]]().dtype
    provenance = {"made_by": "vqathinker policy import", "source": source.name}
    about = _CARD.format(source=source.name)
    with policy_folder(out, config, tokenizer, about, provenance) as part:
        config.save_pretrained(part)
        generation_defaults(tokenizer).save_pretrained(part)
        tensors = ((name, _qkv_part(given[old], third)) for name, (old, third) in plan.items())
        write_shards(part, tensors)


def export_original(policy: Path, out: Path) -> None:
    """Write a policy folder in the original layout to `out`; what was there is replaced.

    Raises:
        PolicyError: tensors of the folder are missing, not expected or misshapen.
        ConfigError: the policy has another motion encoder than the authors'.
        ShardError: its safetensors are not there or cannot be read.
    """
    given = Shards(policy)
    config = read_config(policy)
    theirs = to_original(config)
    if wrong := shape_mismatches(_own_shapes(config), given.shapes):
        raise PolicyError(_mismatch_message(policy, wrong))
    sources: dict[str, list[str]] = {}
    for name in given.shapes.keys() & _own_shapes(config).keys():
        sources.setdefault(original_name(name)[0], []).append(name)
    in_order = {
        old: [given[name] for name in sorted(names, key=lambda name: original_name(name)[1] or 0)]
        for old, names in sorted(sources.items())
    }
    tokenizer = read_tokenizer(policy)
    record = read_provenance(policy)
    with policy_folder(out, None, tokenizer, "In the authors' layout.\n", record) as part:
        (part / "config.json").write_text(json.dumps(theirs, indent=2) + "\n", encoding="utf-8")
        write_shards(part, ((old, _concatenated(parts)) for old, parts in in_order.items()))


def _own_shapes(config: VQAThinkerConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        state = VQAThinkerForConditionalGeneration(config).state_dict()
    if config.tie_word_embeddings:
        del state["lm_head.weight"]
    return {name: tuple(tensor.shape) for name, tensor in sorted(state.items())}


def _original_shapes(config: VQAThinkerConfig) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in _own_shapes(config).items():
        old, qkv_part = original_name(name)
        shapes[old] = shape if qkv_part is None else (3 * shape[0], *shape[1:])
    return shapes


def _qkv_part(read: Callable[[], Tensor], part: int | None) -> Callable[[], Tensor]:
    return read if part is None else lambda: read().chunk(3)[part]


def _concatenated(parts: list[Callable[[], Tensor]]) -> Callable[[], Tensor]:
    return parts[0] if len(parts) == 1 else lambda: torch.cat([read() for read in parts])


def _read_config(source: Path) -> dict[str, Any]:
    return read_json(source / "config.json", *_CONFIG)


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


def _mismatch_message(folder: Path, wrong: list[str]) -> str:
    return "\n  ".join([f"{folder}: {len(wrong)} tensors do not fit:", *wrong])
