"""The base policy at paper scale: InternVL3 from the hub, with a motion branch added.

Source: docs/method.md, section 2. InternVL3 comes in transformers' own layout (`…-hf`), as
safetensors, at one revision; the motion projector is drawn anew, U(0, 0.01) with biases 0; the
motion encoder takes the public weights of SlowFast-R50.
"""

from pathlib import Path

import torch
from torch import nn
from transformers import AutoTokenizer, InternVLForConditionalGeneration

from vqathinker.errors import read_json
from vqathinker.params.base import HubBaseParams
from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.folder.checkpoint import save_policy
from vqathinker.policy.folder.processor import AUTHORS_SETTING
from vqathinker.policy.interchange.snapshot import HubError, snapshot
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.motion.slowfast import TIME_REPEAT, SlowFastR50
from vqathinker.policy.motion.slowfast_weights import fetch_weights, load_weights
from vqathinker.policy.tokens import end_answers_with_turns, generation_defaults, image_token

__all__ = ["add_motion_branch", "prepare_hub_base"]

_LARGEST = 0.01  # of the motion projector's first weights
_CARD = """\
{source}{revision} with an untrained motion branch: the motion projector is drawn from U(0, 0.01)
with seed {seed}, the motion encoder is SlowFast-R50 as published for Kinetics-400.
"""


def prepare_hub_base(params: HubBaseParams, out: Path) -> None:
    """Save the base policy that `params` names in the folder `out`.

    Raises:
        HubError: the repository cannot be had, or is no InternVL in transformers' own layout.
        WeightsError: SlowFast's weights cannot be had, or are not the ones that were meant.
        TokenizerError: the tokenizer has no visual token.
    """
    weights = fetch_weights(params.motion.weights, params.motion.sha256)
    encoder = SlowFastR50()
    load_weights(encoder, weights.path)
    folder, commit = snapshot(params.source, params.revision)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    end_answers_with_turns(tokenizer)
    stock = _load_stock(folder)
    if stock.config.image_token_id != image_token(tokenizer):
        raise HubError(
            f"{folder}: config.json says that the visual token is {stock.config.image_token_id}, "
            f"the tokenizer says {image_token(tokenizer)}; get the repository again"
        )
    policy = add_motion_branch(stock, encoder, torch.Generator().manual_seed(params.seed))
    policy.generation_config = generation_defaults(tokenizer)
    about = _CARD.format(
        source=params.source, seed=params.seed, revision=f" at {commit}" if commit else ""
    )
    provenance = {
        "made_by": "vqathinker.policy.interchange.hub",
        "params": params.model_dump(),
        "commit": commit,
        "slowfast_sha256": weights.sha256,
    }
    save_policy(policy, tokenizer, out, about, provenance)


def add_motion_branch(
    stock: InternVLForConditionalGeneration, encoder: SlowFastR50, generator: torch.Generator
) -> VQAThinkerForConditionalGeneration:
    """A policy that shares every tensor of `stock`, so an 8B one is in memory once."""
    told = stock.config.to_dict()
    config = VQAThinkerConfig(
        **{key: value for key, value in told.items() if key not in ("model_type", "architectures")},
        motion={
            "encoder": "slowfast_r50",
            "time_repeat": {str(frames): repeat for frames, repeat in TIME_REPEAT.items()},
        },
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
    told = read_json(folder / "config.json", "a model's of the hub", "download the folder whole")
    if told.get("model_type") != "internvl":
        raise HubError(
            f"{folder}: model_type is {told.get('model_type')!r}, expected 'internvl', which is "
            "transformers' own layout (…-hf); take `vqathinker policy import` for the original one"
        )
    stock, info = InternVLForConditionalGeneration.from_pretrained(
        folder, output_loading_info=True, local_files_only=True, use_safetensors=True
    )
    wrong = sorted({*map(str, info["missing_keys"]), *map(str, info["unexpected_keys"])})
    if wrong:
        raise HubError("\n  ".join([f"{folder}: tensors missing or not expected:", *wrong]))
    return stock
