"""Export the last checkpoint of a run as a policy folder, with adapters merged."""

from pathlib import Path

from vqathinker.errors import InputError
from vqathinker.params import RunSettings
from vqathinker.policy.config import set_prompt
from vqathinker.policy.folder.adapters import copy_adapters, load_merged
from vqathinker.policy.folder.card import METHODS
from vqathinker.policy.folder.checkpoint import EvaluationRecord, load_policy, policy_folder
from vqathinker.policy.folder.low_rank import ADAPTER_FILES


def export(
    run: str,
    settings: RunSettings,
    source: Path,
    out: Path,
    evaluation: EvaluationRecord | None = None,
) -> None:
    """Write the last checkpoint in `source`/checkpoints as the policy folder `out`.

    Adapters are merged into float32 weights. They are also stored next to the weights, together
    with adapters of the policy that the run started from, for use in half precision. `evaluation`
    is recorded: how the scores in the tables are computed.

    Raises:
        InputError: there is no checkpoint, or the base policy of its adapters has changed.
    """
    steps_of = {int(p.name[11:]): p for p in source.glob("checkpoints/checkpoint-[0-9]*")}
    if not steps_of:
        raise InputError(f"{source}/checkpoints: no checkpoint; run `vqathinker train`")
    steps, checkpoint = max(steps_of.items())
    adapted = (checkpoint / ADAPTER_FILES[0]).is_file()
    last = load_merged(checkpoint) if adapted else load_policy(checkpoint, dtype=None)
    set_prompt(last.model.config, settings.prompt)  # adapters come without a configuration
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
            copy_adapters(checkpoint, Path(last.provenance["base"]), part)
