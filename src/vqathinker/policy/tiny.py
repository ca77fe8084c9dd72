"""A tiny InternVL, untrained: transformers' own classes with half a million parameters.

Its byte-level tokenizer has InternVL's special tokens, and single tokens for the words of prompts
and answers. The filters of its image encoder are cosines, as those of trained encoders resemble.
"""

from collections.abc import Iterable

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import InternVLVisionConfig, PreTrainedTokenizerFast, Qwen2Config

from vqathinker.params import DemoBaseParams
from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.prompt import degradation_question, render_prompt
from vqathinker.video.statistics import cosine_basis

_PAD, _END, _CONTEXT = "<|endoftext|>", "<|im_end|>", "<IMG_CONTEXT>"
_SPECIAL = (_PAD, "<|im_start|>", _END, "<img>", "</img>", _CONTEXT)
_TAGS = ("<think>", "</think>", "<answer>", "</answer>")


def build_tokenizer(phrases: Iterable[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE in which each phrase, and most of a prompt, is one token; digits are single.

    As in InternVL3, the tags of an answer are ordinary tokens, so decoding keeps them.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    prompts = [render_prompt("training", 12, 1), render_prompt("evaluation", 12, 1)]
    prompts += degradation_question("\0").split("\0")
    pieces = [piece for prompt in prompts for piece in _split_at_special(prompt)]
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        min_frequency=1,
        show_progress=False,
        special_tokens=list(_SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    # Frequent pairs merge first. Without repetition, merges of the prompts would split phrases.
    tokenizer.train_from_iterator([*pieces, *(list(phrases) * 100)], trainer)
    tokenizer.add_tokens([AddedToken(tag, normalized=False) for tag in _TAGS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=_END,
        pad_token=_PAD,
        model_input_names=["input_ids", "attention_mask"],
    )


def _split_at_special(text: str) -> list[str]:
    for token in (*_SPECIAL, *_TAGS):
        text = text.replace(token, "\0")
    return [piece for piece in text.split("\0") if piece]


def build_policy(
    params: DemoBaseParams, tokenizer: PreTrainedTokenizerFast, size: int
) -> VQAThinkerForConditionalGeneration:
    """An untrained policy for frames of `size` px; `params.seed` determines every weight."""
    vision_size, text_size = params.vision, params.text
    vision = InternVLVisionConfig(
        hidden_size=vision_size.hidden_size, num_hidden_layers=vision_size.layers,
        num_attention_heads=vision_size.heads, image_size=[size, size],
        intermediate_size=4 * vision_size.hidden_size,
        patch_size=[vision_size.patch_size, vision_size.patch_size], layer_scale_init_value=0.1,
    )  # fmt: skip
    text = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=text_size.hidden_size,
        num_hidden_layers=text_size.layers,
        num_attention_heads=text_size.heads, num_key_value_heads=max(1, text_size.heads // 2),
        intermediate_size=2 * text_size.hidden_size, max_position_embeddings=4096,
        eos_token_id=tokenizer.convert_tokens_to_ids(_END),
        pad_token_id=tokenizer.convert_tokens_to_ids(_PAD), bos_token_id=None,
        initializer_range=text_size.hidden_size**-0.5,
    )  # fmt: skip
    config = VQAThinkerConfig(
        motion=params.motion.model_dump(), vision_config=vision, text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids(_CONTEXT), downsample_ratio=0.5,
        image_seq_length=(size // vision_size.patch_size // 2) ** 2,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(params.seed)  # transformers initialises from the global generator
        policy = VQAThinkerForConditionalGeneration(config)
        for projector in (policy.model.multi_modal_projector, policy.model.motion_projector):
            for layer in projector.modules():
                if isinstance(layer, nn.Linear):
                    nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
    _set_cosine_filters(policy)
    return policy


@torch.no_grad()
def _set_cosine_filters(policy: VQAThinkerForConditionalGeneration) -> None:
    """Patch embedding: three quarters of the filters see brightness, a quarter colour."""
    weight = policy.model.vision_tower.embeddings.patch_embeddings.projection.weight
    width, _, patch, _ = weight.shape  # (width, 3, patch, patch)
    basis = cosine_basis(patch) / patch
    waves = sorted(((u, v) for u in range(patch) for v in range(patch)), key=lambda w: (sum(w), w))
    planes = torch.tensor([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])
    shares = (width - 2 * (width // 8), width // 8, width // 8)
    filters = []
    for plane, number in zip(planes, shares, strict=True):
        for i in range(number):
            u, v = waves[i * i * len(waves) // (number * number)]  # denser at low frequencies
            # Images have less energy at high frequencies, so their filters are scaled up.
            wave = torch.outer(basis[u], basis[v]) * (1 + (u * u + v * v) ** 0.5)
            filters.append(plane[:, None, None] * wave)
    weight.copy_(torch.stack(filters))
