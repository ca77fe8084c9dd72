"""Low-rank adapters beside frozen weights: what gets one, and the policy that they end up in.

By peft. Parts that are neither frozen nor adapted are trained whole, so a fresh motion projector
learns beside the adapters of a language model.
"""

from collections.abc import Sequence
from pathlib import Path

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
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.parts import FROZEN, PARTS

__all__ = ["ADAPTER_FILES", "is_adapter", "load_merged", "lora_config"]

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
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
    """The policy that a checkpoint's adapters make of the base that they were trained beside.

    Raises:
        InputError: the base policy is another one by now.
        PolicyError: it is not there.
    """
    provenance = read_provenance(checkpoint)
    folder, expected = Path(provenance["base"]), provenance["base_policy"]["policy"]
    base = load_policy(folder, dtype=None)
    if (found := policy_hash(folder)) != expected:
        raise InputError(
            f"{folder}: policy is {found[:16]}, but the adapters in {checkpoint} were trained "
            f"beside {expected[:16]}; bring that one back, or train again"
        )
    adapted = PeftModel.from_pretrained(base.model, str(checkpoint), local_files_only=True)
    return Policy(adapted.merge_and_unload(), base.tokenizer, provenance)
