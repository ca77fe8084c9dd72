"""Prepare base policies: InternVL3, policy folders, and checkpoints in the authors' layout.

InternVL3, in transformers' layout (`…-hf`), gets a motion branch: a motion projector drawn from
U(0, 0.01) with biases 0, and SlowFast-R50 with its public weights as motion encoder. The tensors of
policy folders and of the authors' checkpoints are not changed.

Source: docs/method.md, section 2.
"""

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoTokenizer, InternVLForConditionalGeneration

from vqathinker.atomic import whole_folder
from vqathinker.errors import InputError, read_json
from vqathinker.params.base import (
    HubBaseParams,
    OriginalBaseParams,
    PolicyBaseParams,
    SlowFastParams,
)
from vqathinker.policy.config import AUTHORS_SETTING, VQAThinkerConfig, check_tensors
from vqathinker.policy.folder.checkpoint import (
    read_config,
    read_provenance,
    read_tokenizer,
    save_policy,
    write_provenance,
)
from vqathinker.policy.folder.hashes import PROVENANCE, policy_hash
from vqathinker.policy.folder.low_rank import ADAPTERS
from vqathinker.policy.folder.shards import Shards
from vqathinker.policy.inputs import default_generation_config, set_end_token
from vqathinker.policy.interchange.original import (
    has_motion_encoder,
    import_original,
    own_shapes,
)
from vqathinker.policy.interchange.snapshot import DOWNLOAD_PATTERNS, snapshot
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.motion.slowfast import SlowFastR50, fetch_weights, load_weights

_MADE_BY = "vqathinker.policy.interchange.bases"
_MAX_WEIGHT = 0.01  # of the new motion projector
_CARD = """\
{source}{revision} with an untrained motion branch: a motion projector drawn from U(0, 0.01) with
seed {seed}, and SlowFast-R50 as published for Kinetics-400.
"""


def prepare_hub_base(params: HubBaseParams, out: Path) -> None:
    """Add a motion branch to InternVL3 and save it as the policy folder `out`.

    Raises:
        InputError: the repository is not available or is not InternVL in transformers' layout, or
            SlowFast's weights are not available or are other ones.
    """
    encoder, sha256 = _public_slowfast(params.motion)
    folder, commit = snapshot(params.source, params.revision)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    set_end_token(tokenizer)
    internvl = _load_internvl(folder)
    policy = add_motion_branch(internvl, encoder, torch.Generator().manual_seed(params.seed))
    policy.generation_config = default_generation_config(tokenizer)
    about = _CARD.format(source=params.source, seed=params.seed, revision=_revision_suffix(commit))
    provenance = {
        "made_by": _MADE_BY,
        "params": params.model_dump(),
        "commit": commit,
        "slowfast_sha256": sha256,
    }
    save_policy(policy, tokenizer, out, about, provenance)


def _public_slowfast(params: SlowFastParams) -> tuple[SlowFastR50, str]:
    path, sha256 = fetch_weights(params.weights, params.sha256)
    encoder = SlowFastR50()
    load_weights(encoder, path)
    return encoder, sha256


def add_motion_branch(
    internvl: InternVLForConditionalGeneration, encoder: SlowFastR50, generator: torch.Generator
) -> VQAThinkerForConditionalGeneration:
    """A policy that shares all tensors with `internvl`, so that they are in memory once."""
    values = internvl.config.to_dict()
    del values["model_type"], values["architectures"]
    motion = {"encoder": "slowfast_r50"}
    config = VQAThinkerConfig(**values, motion=motion, setting=AUTHORS_SETTING)
    text = internvl.get_input_embeddings().weight
    config.tie_word_embeddings = internvl.lm_head.weight is text
    with torch.device("meta"):
        policy = VQAThinkerForConditionalGeneration(config)
    body = policy.model
    for part in ("vision_tower", "multi_modal_projector", "language_model"):
        setattr(body, part, getattr(internvl.model, part))
    policy.lm_head = internvl.lm_head
    body.motion_encoder = encoder
    body.motion_projector.to_empty(device="cpu")
    _initialise_projector(body.motion_projector, generator)
    body.motion_projector.to(text.dtype)
    return policy.eval()


@torch.no_grad()
def _initialise_projector(projector: nn.Module, generator: torch.Generator) -> None:
    for layer in projector.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.uniform_(0, _MAX_WEIGHT, generator=generator)
            layer.bias.zero_()
        elif isinstance(layer, nn.LayerNorm):
            layer.reset_parameters()


def _load_internvl(folder: Path) -> InternVLForConditionalGeneration:
    config = read_json(
        folder / "config.json", "a model's configuration", "download the whole folder again"
    )
    if config.get("model_type") != "internvl":
        raise InputError(
            f"{folder}: model_type is {config.get('model_type')!r}, expected 'internvl', which is "
            "transformers' layout (…-hf): use `vqathinker policy import` for the original layout"
        )
    internvl, info = InternVLForConditionalGeneration.from_pretrained(
        folder, output_loading_info=True, local_files_only=True, use_safetensors=True
    )
    wrong = sorted({*map(str, info["missing_keys"]), *map(str, info["unexpected_keys"])})
    if wrong:
        raise InputError("\n  ".join([f"{folder}: tensors missing or not expected:", *wrong]))
    return internvl


def prepare_policy_base(params: PolicyBaseParams, out: Path) -> None:
    """Copy a policy folder to `out`. Its provenance is kept within the new one.

    Weights, configuration and tokenizer are copied byte by byte, so the policy keeps its hash.

    Raises:
        InputError: the repository is not available; a file is missing, cannot be read or belongs to
            another model; or the hash differs from the recorded one.
    """
    folder, commit = snapshot(params.repo, params.revision)
    config, source_provenance = read_config(folder), read_provenance(folder)
    check_tensors(folder, own_shapes(config), Shards(folder).shapes)
    read_tokenizer(folder)  # raises an error that names a damaged file
    about = f"A copy of the policy in `{params.repo}`{_revision_suffix(commit)}.\n"
    record = {**_origin(params, commit), "source_provenance": source_provenance}
    record |= {key: source_provenance[key] for key in ["evaluation"] if key in source_provenance}
    with whole_folder(out) as part:
        for path in (path for pattern in DOWNLOAD_PATTERNS for path in folder.glob(pattern)):
            if path.name != PROVENANCE:
                shutil.copyfile(path, part / path.name)
        if (folder / ADAPTERS).is_dir():
            shutil.copytree(folder / ADAPTERS, part / ADAPTERS)
        found, recorded = policy_hash(part), source_provenance.get("policy")
        if recorded not in (None, found):  # checkpoints of a run have none
            raise InputError(
                f"{folder}: the hash of its files is {found}, expected {recorded} as in "
                f"{PROVENANCE}: download the folder again; if you changed it on purpose, remove "
                f"`policy` from {PROVENANCE}"
            )
        write_provenance(part, f"{out.parent.name}/{out.name}", config, about, record)


def prepare_original_base(params: OriginalBaseParams, out: Path) -> None:
    """Import a checkpoint in the authors' layout as the policy folder `out`.

    If the checkpoint has no SlowFast weights, those of `params.motion` are used.

    Raises:
        InputError: the repository or SlowFast's weights are not available, or as in
            `import_original`.
    """
    folder, commit = snapshot(params.repo, params.revision)
    origin, encoder = _origin(params, commit), None
    if params.motion is not None and not has_motion_encoder(folder):
        encoder, origin["slowfast_sha256"] = _public_slowfast(params.motion)
    import_original(folder, out, encoder=encoder, origin=origin)


def _origin(params: PolicyBaseParams | OriginalBaseParams, commit: str | None) -> dict[str, Any]:
    values = params.model_dump()
    return {"made_by": _MADE_BY, "source": params.repo, "commit": commit, "params": values}


def _revision_suffix(commit: str | None) -> str:
    return f" at {commit}" if commit else ""
