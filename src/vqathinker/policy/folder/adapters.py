"""Merge the adapters of a training run into the policy that they were trained on.

They are merged in float32: in bf16, most of their change would be rounded away (`low_rank`).
"""

import shutil
from pathlib import Path

import torch
from peft import PeftModel

from vqathinker.errors import InputError
from vqathinker.policy.folder.checkpoint import Policy, load_policy, read_provenance
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.policy.folder.low_rank import (
    ADAPTER_FILES,
    ADAPTERS,
    PARENT_ADAPTERS,
    low_rank_changes,
)
from vqathinker.policy.folder.shards import Shards


def load_merged(checkpoint: Path) -> Policy:
    """Load the base policy of a checkpoint, with the checkpoint's adapters merged.

    Raises:
        InputError: the base policy is missing or has changed.
    """
    provenance = read_provenance(checkpoint)
    folder, expected = Path(provenance["base"]), provenance["base_policy"]["policy"]
    base = load_policy(folder)
    if (found := policy_hash(folder)) != expected:
        raise InputError(
            f"{folder}: policy is {found[:16]}, but the adapters in {checkpoint} were trained "
            f"on {expected[:16]}; restore that policy, or train again"
        )
    adapted = PeftModel.from_pretrained(base.model, str(checkpoint), local_files_only=True)
    merged = adapted.merge_and_unload()
    merged.config.dtype = torch.float32
    return Policy(merged, base.tokenizer, provenance)


def copy_adapters(checkpoint: Path, base: Path, policy: Path) -> None:
    """Copy a checkpoint's adapters, and earlier ones of `base`, into the folder `policy`."""
    (policy / ADAPTERS).mkdir()
    for name in ADAPTER_FILES:
        shutil.copy2(checkpoint / name, policy / ADAPTERS / name)
    earlier = base / ADAPTERS
    if earlier.is_dir():
        dtypes = Shards(base).dtypes
        # If `base` has them merged in half precision, they are rounded away already.
        if all(dtypes[name] == "F32" for name in low_rank_changes(earlier)):
            shutil.copytree(earlier, policy / ADAPTERS / PARENT_ADAPTERS)
