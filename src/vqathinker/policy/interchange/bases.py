"""Base policies that others made: policy folders as they are, and weights in the authors' layout.

Source: docs/method.md, section 2. Nothing is drawn and nothing is learned; tensors keep their bits.
"""

import shutil
from pathlib import Path
from typing import Any

from vqathinker.atomic import whole_folder
from vqathinker.params.base import OriginalBaseParams, PolicyBaseParams
from vqathinker.policy.folder.checkpoint import (
    PROVENANCE,
    PolicyError,
    policy_hash,
    read_config,
    read_provenance,
    read_tokenizer,
    write_record,
)
from vqathinker.policy.folder.evaluation import own_evaluation
from vqathinker.policy.folder.shards import Shards
from vqathinker.policy.folder.unmerged import ADAPTERS
from vqathinker.policy.interchange.original import (
    has_motion_encoder,
    import_original,
    own_shapes,
)
from vqathinker.policy.interchange.original_names import describe_mismatches
from vqathinker.policy.interchange.snapshot import NEEDED, snapshot
from vqathinker.policy.motion.slowfast import SlowFastR50
from vqathinker.policy.motion.slowfast_weights import fetch_weights, load_weights

__all__ = ["prepare_original_base", "prepare_policy_base"]

_MADE_BY = "vqathinker.policy.interchange.bases"


def prepare_policy_base(params: PolicyBaseParams, out: Path) -> None:
    """Copy the policy folder that `params` names to `out`; its own record is kept in the new one.

    Weights, configuration and tokenizer are the same bytes, and so the policy has the same hash.

    Raises:
        HubError: the repository cannot be had.
        InputError: configuration, tokenizer or record cannot be read, or are another model's.
        PolicyError: tensors are missing, not expected or misshapen; or the files are not those
            that the record is of.
        ShardError: its safetensors are not there or cannot be read.
    """
    folder, commit = snapshot(params.repo, params.revision)
    config, theirs = read_config(folder), read_provenance(folder)
    if wrong := describe_mismatches(folder, own_shapes(config), Shards(folder).shapes):
        raise PolicyError(wrong)
    read_tokenizer(folder)  # whose errors name it
    about = f"The policy in `{params.repo}`{_at(commit)}, as it is.\n"
    record = {**_origin(params, params.repo, commit), "source_provenance": theirs}
    own_evaluation(theirs, str(folder / PROVENANCE))
    record |= {key: theirs[key] for key in ["evaluation"] if key in theirs}
    with whole_folder(out) as part:
        for path in (path for pattern in NEEDED for path in folder.glob(pattern)):
            if path.name != PROVENANCE:
                shutil.copyfile(path, part / path.name)
        if (folder / ADAPTERS).is_dir():
            shutil.copytree(folder / ADAPTERS, part / ADAPTERS)
        found, recorded = policy_hash(part), theirs.get("policy")
        if recorded not in (None, found):  # a checkpoint of training has none
            raise PolicyError(
                f"{folder}: its files hash to {found}, expected {recorded} of {PROVENANCE}: get "
                f"the folder again; if they were changed on purpose, take `policy` out of "
                f"{PROVENANCE}"
            )
        write_record(part, f"{out.parent.name}/{out.name}", config, about, record)


def prepare_original_base(params: OriginalBaseParams, out: Path) -> None:
    """Import the checkpoint in the authors' layout that `params` names as the policy folder `out`.

    SlowFast's weights are the checkpoint's own; only where it has none are those of
    `params.motion` had.

    Raises:
        HubError: the repository cannot be had.
        WeightsError: SlowFast's weights cannot be had, or are not the ones that were meant.
        PolicyError, TokenizerError, ConfigError, ShardError: as `import_original`.
    """
    folder, commit = snapshot(params.repo, params.revision)
    origin, encoder = _origin(params, params.repo, commit), None
    if params.motion is not None and not has_motion_encoder(folder):
        weights = fetch_weights(params.motion.weights, params.motion.sha256)
        encoder = SlowFastR50()
        load_weights(encoder, weights.path)
        origin["slowfast_sha256"] = weights.sha256
    import_original(folder, out, encoder=encoder, origin=origin)


def _origin(
    params: PolicyBaseParams | OriginalBaseParams, source: str, commit: str | None
) -> dict[str, Any]:
    return {"made_by": _MADE_BY, "source": source, "commit": commit, "params": params.model_dump()}


def _at(commit: str | None) -> str:
    return f" at {commit}" if commit else ""
