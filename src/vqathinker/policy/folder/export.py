"""What a run ends in: its last checkpoint as a policy folder, with adapters merged."""

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import nn

from vqathinker.errors import InputError
from vqathinker.params import RunSettings
from vqathinker.policy.config import ask_as_trained
from vqathinker.policy.folder.adapters import ADAPTER_FILES, keep_adapters, low_rank_changes
from vqathinker.policy.folder.card import METHODS
from vqathinker.policy.folder.checkpoint import (
    OwnEvaluation,
    Policy,
    PolicyError,
    load_policy,
    policy_folder,
    read_provenance,
)
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.policy.folder.shards import Shards


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


def export(
    run: str,
    settings: RunSettings,
    source: Path,
    out: Path,
    evaluation: OwnEvaluation | None = None,
) -> dict[str, Any] | None:
    """Turn the last checkpoint under `source`/checkpoints into the policy folder `out`.

    Adapters are merged into float32 weights, and stay next to them, with those of the policy that
    the run started from: in half precision `load_policy` keeps both apart from the weights.
    `evaluation` says how the scores in the tables are made; the record keeps it.

    Returns:
        What merging did to the adapters' change, as the record has it; None without adapters.

    Raises:
        PolicyError: there is no checkpoint.
        InputError: adapters were trained beside another base policy than there is now.
    """
    checkpoints = sorted(
        (source / "checkpoints").glob("checkpoint-[0-9]*"), key=lambda p: int(p.name.split("-")[1])
    )
    if not checkpoints:
        raise PolicyError(f"{source}/checkpoints: empty; run `vqathinker train`")
    adapted = is_adapter(checkpoints[-1])
    last = load_merged(checkpoints[-1]) if adapted else load_policy(checkpoints[-1], dtype=None)
    ask_as_trained(last.model.config, settings.prompt)  # with adapters it is the base's own
    steps = int(checkpoints[-1].name.split("-")[1])
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
            keep_adapters(checkpoints[-1], Path(last.provenance["base"]), part)
    return last.provenance.get("merge") if adapted else None
