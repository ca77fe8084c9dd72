"""What a run ends in: its last checkpoint as a policy folder, with adapters merged."""

from pathlib import Path

from vqathinker.params import RunSettings
from vqathinker.policy.config import ask_as_trained
from vqathinker.policy.folder.adapters import is_adapter, keep_adapters, load_merged
from vqathinker.policy.folder.card import METHODS
from vqathinker.policy.folder.checkpoint import (
    OwnEvaluation,
    PolicyError,
    load_policy,
    policy_folder,
)


def export(
    run: str,
    settings: RunSettings,
    source: Path,
    out: Path,
    evaluation: OwnEvaluation | None = None,
) -> None:
    """Turn the last checkpoint under `source`/checkpoints into the policy folder `out`.

    Adapters are merged into float32 weights, and stay next to them, with those of the policy that
    the run started from: in half precision `load_policy` keeps both apart from the weights.
    `evaluation` says how the scores in the tables are made; the record keeps it.

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
