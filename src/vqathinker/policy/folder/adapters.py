"""Low-rank adapters next to frozen weights: what gets one, and the policy that they end up in.

By peft. Parts that are neither frozen nor adapted are trained whole, so a fresh motion projector
learns beside the adapters of a language model.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from torch import nn

from vqathinker.errors import InputError
from vqathinker.params import LoraParams
from vqathinker.policy.folder.checkpoint import (
    Policy,
    load_policy,
    policy_hash,
    read_provenance,
)
from vqathinker.policy.folder.shards import Shards
from vqathinker.policy.folder.unmerged import ADAPTER_FILES, low_rank_changes
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.parts import FROZEN, PARTS

__all__ = ["is_adapter", "load_merged", "lora_config"]

_HEAD = "lm_head"  # as large as a third of a small language model's layers, and tied to its words


def lora_config(
    policy: VQAThinkerForConditionalGeneration, how: LoraParams, freeze: Sequence[str]
) -> LoraConfig:
    """Adapters for every linear layer of `how.parts`; the head has none."""
    prefixes = tuple(prefix for part in how.parts for prefix in PARTS[part])
    layers = [
        name
        for name, module in policy.named_modules()
        if isinstance(module, nn.Linear) and name.startswith(prefixes) and name != _HEAD
    ]
    whole = PARTS.keys() - {FROZEN, *how.parts, *freeze}
    return LoraConfig(
        r=how.rank,
        lora_alpha=how.alpha,
        lora_dropout=0.0,
        bias="none",
        init_lora_weights=True,
        use_rslora=False,
        use_dora=False,
        target_modules=layers,
        modules_to_save=[
            prefix.strip(".") for part in sorted(whole) for prefix in PARTS[part]
        ] or None,
    )  # fmt: skip


def is_adapter(checkpoint: Path) -> bool:
    """Whether a checkpoint of training holds adapters, and no weights of its own."""
    return (checkpoint / ADAPTER_FILES[0]).is_file()


def load_merged(checkpoint: Path) -> Policy:
    """The policy that a checkpoint's adapters make of the base that they were trained on.

    They are merged in float32: in bf16 most weights of the base would not move. `merge` of the
    record says what became of the change.

    Raises:
        InputError: the base policy is another one by now.
        PolicyError: it is not there.
    """
    provenance = read_provenance(checkpoint)
    folder, expected = Path(provenance["base"]), provenance["base_policy"]["policy"]
    base = load_policy(folder, dtype=torch.float32)
    if (found := policy_hash(folder)) != expected:
        raise InputError(
            f"{folder}: policy is {found[:16]}, but the adapters in {checkpoint} were trained "
            f"on {expected[:16]}; restore that policy, or train again"
        )
    adapted = PeftModel.from_pretrained(base.model, str(checkpoint), local_files_only=True)
    merged = adapted.merge_and_unload()
    merged.config.dtype = torch.float32
    record = {"merge": _account(Shards(folder), merged, checkpoint)}
    return Policy(merged, base.tokenizer, provenance | record)


@torch.no_grad()
def _account(base: Shards, merged: nn.Module, adapters: Path) -> dict[str, Any]:
    """How much of the adapters' change is in the merged weights, and would be in bf16."""
    error = change = 0.0
    unmoved = number = 0
    for name, (down, up) in low_rank_changes(adapters).items():
        before, after, wanted = base[name]().float(), merged.get_parameter(name), up @ down
        error += float((after - before - wanted).double().square().sum())
        change += float(wanted.double().square().sum())
        unmoved += int((after.bfloat16() == before.bfloat16()).sum())
        number += after.numel()
    return {
        "stored": "float32",
        "relative_error": (error / change) ** 0.5 if change else 0.0,
        "unchanged_in_bf16": unmoved / number if number else 0.0,
    }
