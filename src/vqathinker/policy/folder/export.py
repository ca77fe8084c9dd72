"""Export of a run: its last checkpoint as a policy folder, with adapters merged.

They are merged in float32: in bf16 most weights of the base would not move (`low_rank`).
"""

import shutil
from pathlib import Path

import torch
from peft import PeftModel

from vqathinker.errors import InputError
from vqathinker.params import RunSettings
from vqathinker.policy.config import ask_as_trained
from vqathinker.policy.folder.card import METHODS
from vqathinker.policy.folder.checkpoint import (
    OwnEvaluation,
    Policy,
    load_policy,
    policy_folder,
    read_provenance,
)
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.policy.folder.low_rank import ADAPTER_FILES, ADAPTERS, EARLIER, low_rank_changes
from vqathinker.policy.folder.shards import Shards


def export(
    run: str, settings: RunSettings, source: Path, out: Path,
    evaluation: OwnEvaluation | None = None,
) -> None:  # fmt: skip
    """Turn the last checkpoint under `source`/checkpoints into the policy folder `out`.

    Adapters are merged into float32 weights, and stay next to them, with those of the policy that
    the run started from: in half precision `load_policy` keeps both apart from the weights.
    `evaluation` says how the scores in the tables are made; the record keeps it.

    Raises:
        InputError: there is no checkpoint, or the base policy of its adapters has changed.
    """
    steps_of = {int(p.name[11:]): p for p in source.glob("checkpoints/checkpoint-[0-9]*")}
    if not steps_of:
        raise InputError(f"{source}/checkpoints: empty; run `vqathinker train`")
    steps, checkpoint = max(steps_of.items())
    adapted = (checkpoint / ADAPTER_FILES[0]).is_file()
    last = _load_merged(checkpoint) if adapted else load_policy(checkpoint, dtype=None)
    ask_as_trained(last.model.config, settings.prompt)  # with adapters it is the base's own
    method = METHODS[settings.training.method]
    about = (
        f"Run `{run}`: {method} for {steps} steps with seed {settings.seed}, from the base policy "
        f"in `{last.provenance['base']}`.\n"
    )
    provenance = {**last.provenance, "run": run, "steps": steps, "settings": settings.model_dump()}
    if evaluation is not None:
        provenance["evaluation"] = evaluation.model_dump(exclude_unset=True)
    with policy_folder(out, last.model.config, last.tokenizer, about, provenance) as part:
        last.model.save_pretrained(part)
        if adapted:
            _keep_adapters(checkpoint, Path(last.provenance["base"]), part)


def _load_merged(checkpoint: Path) -> Policy:
    """The policy that a checkpoint's adapters make of the base that they were trained on.

    Raises:
        InputError: the base policy is missing, or has changed since.
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


def _keep_adapters(checkpoint: Path, base: Path, policy: Path) -> None:
    """Copy a checkpoint's adapters into the folder of the policy that they are merged into.

    Adapters of the policy `base`, which they were trained on, come along. Those that are not
    merged in float32 there do not: they are rounded away already.
    """
    (policy / ADAPTERS).mkdir()
    for name in ADAPTER_FILES:
        shutil.copy2(checkpoint / name, policy / ADAPTERS / name)
    earlier = base / ADAPTERS
    if earlier.is_dir():
        dtypes = Shards(base).dtypes
        if all(dtypes[name] == "F32" for name in low_rank_changes(earlier)):
            shutil.copytree(earlier, policy / ADAPTERS / EARLIER)
