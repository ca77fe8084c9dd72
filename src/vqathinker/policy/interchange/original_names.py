"""Names of tensors in the authors' checkpoint layout, from ours; and names that are not of it.

Source: docs/method.md, section 2; the names of the released checkpoint
`kkkkkklinhan/InternVL3-VQAThinker-8B`, which are those of InternVL's original layout with
`slowfast_model.*` and `motion_mlp.*` beside them. The image encoder's queries, keys and values are
one tensor there and three here.

A checkpoint that was saved from inside another module has that module's name before all of its
own, such as `module.`, `model.` or `base_model.model.`. The rule: what stands before the first word
of the layout is taken off where it stands before every name. Nothing else is renamed.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from vqathinker.policy.parts import shape_mismatches

__all__ = ["common_prefix", "describe_mismatches", "original_name"]

_PARTS = {"q_proj": 0, "k_proj": 1, "v_proj": 2}
_LISTED = 6  # of each kind of fault: an 8B policy has 1,500 tensors

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
    r"\.attention\.[qkv]_proj\.": ".attn.qkv.",
    r"\.attention\.projection_layer\.": ".attn.proj.",
    r"\.attention\.(q|k)_norm\.": r".attn.\1_norm.",
    r"\.layernorm_before\.": ".norm1.",
    r"\.layernorm_after\.": ".norm2.",
    r"\.lambda_([12])$": r".ls\1",
}
_ROOTS = frozenset(theirs.split(".")[0] for theirs in _BODY.values())


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


def common_prefix(names: Collection[str]) -> str:
    """What stands before every name of a checkpoint and is not of the layout; empty where nothing.

    >>> common_prefix(["base_model.model.mlp1.0.bias", "base_model.model.head.weight"])
    'base_model.model.'
    >>> common_prefix(["module.mlp1.0.bias", "mlp1.0.weight"])
    ''
    """
    split = next((s for name in sorted(names) if not _ROOTS.isdisjoint(s := name.split("."))), [])
    before = next((i for i, word in enumerate(split) if word in _ROOTS), 0)
    prefix = "".join(f"{word}." for word in split[:before])
    return prefix if all(name.startswith(prefix) for name in names) else ""


def describe_mismatches(
    folder: Path, expected: Mapping[str, Sequence[int]], given: Mapping[str, Sequence[int]]
) -> str:
    """Which tensors of a folder are missing, not expected or misshapen; empty where all fit.

    The first few of each kind are listed, with a way out where their names tell one.
    """
    wrong = shape_mismatches(expected, given)
    if not wrong:
        return ""
    kinds: dict[str, list[str]] = {}
    for line in wrong:
        kind = line.rsplit(": ", 1)[1]
        kinds.setdefault(kind if kind in ("missing", "not expected") else "shape", []).append(line)
    listed = sorted(line for lines in kinds.values() for line in lines[:_LISTED])
    more = [
        f"... and {len(lines) - _LISTED} more: {kind}"
        for kind, lines in kinds.items()
        if len(lines) > _LISTED
    ]
    lines = [f"{folder}: {len(wrong)} tensors do not fit:", *listed, *more]
    return "\n  ".join([*lines, *_ways_out(expected.keys() - given.keys(), given)])


def _ways_out(missing: Collection[str], given: Collection[str]) -> list[str]:
    told = []
    if any(".lora_" in name for name in given):
        told.append(
            "These are adapters beside the weights: merge them (merge_and_unload) and save."
        )
    if prefixed := _renamed(missing, given):
        told.append(
            f"Without {prefixed[0]!r} the name {prefixed[1]} would fit: a prefix is taken off only "
            "where it stands before all names; rename the tensors."
        )
    encoder = [name for name in missing if name.startswith("slowfast_model.")]
    if encoder and not any("slowfast_model." in name for name in given):
        told.append("There is no slowfast_model: name SlowFast's weights in base.motion.weights.")
    return told


def _renamed(missing: Collection[str], given: Collection[str]) -> tuple[str, str] | None:
    """A prefix, and the first name that is wanted and stands behind it."""
    for name in sorted(given):
        words = name.split(".")
        for count in range(1, len(words)):
            if (rest := ".".join(words[count:])) in missing:
                return name.removesuffix(rest), rest
    return None
