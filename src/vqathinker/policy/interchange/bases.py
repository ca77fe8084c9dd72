"""Base policies from the hub or a folder: InternVL3, other policies, the authors' checkpoints.

Source: docs/method.md, section 2. To InternVL3, which comes in transformers' own layout (`…-hf`), a
motion branch is added: the motion projector is drawn from U(0, 0.01) with biases 0, the motion
encoder takes the public weights of SlowFast-R50. Policy folders and checkpoints in the authors'
layout are taken as they are; their tensors keep their bits. Files come at one revision, without
code and without pickles.
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
from vqathinker.policy.config import AUTHORS_SETTING, VQAThinkerConfig, require_tensors
from vqathinker.policy.folder.checkpoint import (
    read_config,
    read_provenance,
    read_tokenizer,
    save_policy,
    write_record,
)
from vqathinker.policy.folder.hashes import PROVENANCE, policy_hash
from vqathinker.policy.folder.low_rank import ADAPTERS
from vqathinker.policy.folder.shards import Shards
from vqathinker.policy.inputs import end_answers_with_turns, generation_defaults
from vqathinker.policy.interchange.original import (
    has_motion_encoder,
    import_original,
    own_shapes,
)
from vqathinker.policy.interchange.snapshot import NEEDED, HubError, snapshot
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.motion.slowfast import SlowFastR50, fetch_weights, load_weights

_MADE_BY = "vqathinker.policy.interchange.bases"
_LARGEST = 0.01  # of the motion projector's first weights
_CARD = """\
{source}{revision} with an untrained motion branch: the motion projector is drawn from U(0, 0.01)
with seed {seed}, the motion encoder is SlowFast-R50 as published for Kinetics-400.
"""


def prepare_hub_base(params: HubBaseParams, out: Path) -> None:
    """Save InternVL3 with a new motion branch, as `params` name it, in the folder `out`.

    Raises:
        HubError: the repository is not available, or is no InternVL in transformers' own layout.
        InputError: SlowFast's weights are not available, or other ones.
    """
    encoder, sha256 = _public_slowfast(params.motion)
    folder, commit = snapshot(params.source, params.revision)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    end_answers_with_turns(tokenizer)
    stock = _load_stock(folder)
    policy = add_motion_branch(stock, encoder, torch.Generator().manual_seed(params.seed))
    policy.generation_config = generation_defaults(tokenizer)
    about = _CARD.format(source=params.source, seed=params.seed, revision=_at(commit))
    provenance = {
        "made_by": _MADE_BY, "params": params.model_dump(), "commit": commit,
        "slowfast_sha256": sha256,
    }  # fmt: skip
    save_policy(policy, tokenizer, out, about, provenance)


def _public_slowfast(params: SlowFastParams) -> tuple[SlowFastR50, str]:
    path, sha256 = fetch_weights(params.weights, params.sha256)
    encoder = SlowFastR50()
    load_weights(encoder, path)
    return encoder, sha256


def add_motion_branch(
    stock: InternVLForConditionalGeneration, encoder: SlowFastR50, generator: torch.Generator
) -> VQAThinkerForConditionalGeneration:
    """A policy that shares every tensor of `stock`, so an 8B one is in memory once."""
    theirs = stock.config.to_dict()
    config = VQAThinkerConfig(
        **{
            key: value
            for key, value in theirs.items()
            if key not in ("model_type", "architectures")
        },
        motion={"encoder": "slowfast_r50"},
        setting=AUTHORS_SETTING,
    )
    text = stock.get_input_embeddings().weight
    config.tie_word_embeddings = stock.lm_head.weight is text
    with torch.device("meta"):
        policy = VQAThinkerForConditionalGeneration(config)
    body = policy.model
    for part in ("vision_tower", "multi_modal_projector", "language_model"):
        setattr(body, part, getattr(stock.model, part))
    policy.lm_head = stock.lm_head
    body.motion_encoder = encoder
    body.motion_projector.to_empty(device="cpu")
    _initialise_projector(body.motion_projector, generator)
    body.motion_projector.to(text.dtype)
    return policy.eval()


@torch.no_grad()
def _initialise_projector(projector: nn.Module, generator: torch.Generator) -> None:
    for layer in projector.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.uniform_(0, _LARGEST, generator=generator)
            layer.bias.zero_()
        elif isinstance(layer, nn.LayerNorm):
            layer.reset_parameters()


def _load_stock(folder: Path) -> InternVLForConditionalGeneration:
    theirs = read_json(folder / "config.json", "a model's of the hub", "download the folder whole")
    if theirs.get("model_type") != "internvl":
        raise HubError(
            f"{folder}: model_type is {theirs.get('model_type')!r}, expected 'internvl', which is "
            "transformers' own layout (…-hf); take `vqathinker policy import` for the original one"
        )
    stock, info = InternVLForConditionalGeneration.from_pretrained(
        folder, output_loading_info=True, local_files_only=True, use_safetensors=True
    )
    wrong = sorted({*map(str, info["missing_keys"]), *map(str, info["unexpected_keys"])})
    if wrong:
        raise HubError("\n  ".join([f"{folder}: tensors missing or not expected:", *wrong]))
    return stock


def prepare_policy_base(params: PolicyBaseParams, out: Path) -> None:
    """Copy the policy folder that `params` names to `out`; its own record is kept in the new one.

    Weights, configuration and tokenizer are the same bytes, and so the policy has the same hash.

    Raises:
        HubError: the repository is not available.
        InputError: a file is missing or cannot be read, is another model's, has other tensors, or
            is not the one that the record is of.
    """
    folder, commit = snapshot(params.repo, params.revision)
    config, theirs = read_config(folder), read_provenance(folder)
    require_tensors(folder, own_shapes(config), Shards(folder).shapes)
    read_tokenizer(folder)  # whose errors name it
    about = f"The policy in `{params.repo}`{_at(commit)}, as it is.\n"
    record = {**_origin(params, params.repo, commit), "source_provenance": theirs}
    record |= {key: theirs[key] for key in ["evaluation"] if key in theirs}
    with whole_folder(out) as part:
        for path in (path for pattern in NEEDED for path in folder.glob(pattern)):
            if path.name != PROVENANCE:
                shutil.copyfile(path, part / path.name)
        if (folder / ADAPTERS).is_dir():
            shutil.copytree(folder / ADAPTERS, part / ADAPTERS)
        found, recorded = policy_hash(part), theirs.get("policy")
        if recorded not in (None, found):  # a checkpoint of training has none
            raise InputError(
                f"{folder}: its files hash to {found}, expected {recorded} of {PROVENANCE}: get "
                f"the folder again; if they were changed on purpose, take `policy` out of "
                f"{PROVENANCE}"
            )
        write_record(part, f"{out.parent.name}/{out.name}", config, about, record)


def prepare_original_base(params: OriginalBaseParams, out: Path) -> None:
    """Import the checkpoint in the authors' layout that `params` names as the policy folder `out`.

    SlowFast's weights are the checkpoint's own; if it has none, those of `params.motion`.

    Raises:
        HubError: the repository is not available.
        InputError: SlowFast's weights are not available, or as `import_original`.
    """
    folder, commit = snapshot(params.repo, params.revision)
    origin, encoder = _origin(params, params.repo, commit), None
    if params.motion is not None and not has_motion_encoder(folder):
        encoder, origin["slowfast_sha256"] = _public_slowfast(params.motion)
    import_original(folder, out, encoder=encoder, origin=origin)


def _origin(
    params: PolicyBaseParams | OriginalBaseParams, source: str, commit: str | None
) -> dict[str, Any]:
    return {"made_by": _MADE_BY, "source": source, "commit": commit, "params": params.model_dump()}


def _at(commit: str | None) -> str:
    return f" at {commit}" if commit else ""
