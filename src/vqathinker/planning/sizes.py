"""What a policy is made of, counted on the model itself, which is built without any weights.

Source: docs/method.md, section 2.
"""

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch
from torch import nn

from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.parts import FROZEN, part_of

__all__ = ["Layers", "PolicySizes", "measure"]


class Layers(NamedTuple):
    """Shape of a stack of transformer layers; `keys` is the width of all its keys together."""

    number: int
    hidden: int
    heads: int
    keys: int
    intermediate: int


@dataclass(frozen=True)
class PolicySizes:
    """Numbers of a policy.

    Attributes:
        weights: number of weights by part; the motion encoder's with its constants.
        adapted: by part, the sum of (inputs + outputs) of its linear layers, which times the rank
            is the number of weights of its adapters; the head has none.
        embedding: weights of the table of tokens; `tied` where the head is the same table.
    """

    weights: dict[str, int]
    adapted: dict[str, int]
    text: Layers
    vision: Layers
    vocabulary: int
    embedding: int
    tied: bool
    patch: int
    slowfast: bool

    @property
    def total(self) -> int:
        """All weights, the motion encoder's too."""
        return sum(self.weights.values())

    @property
    def body(self) -> int:
        """Weights that every token of text meets on its way through the layers."""
        return self.weights["language"] - self.embedding * (1 if self.tied else 2)

    def adapters(self, rank: int, parts: Collection[str]) -> int:
        """Weights of low-rank adapters on every linear layer of these parts."""
        return rank * sum(self.adapted.get(part, 0) for part in parts)

    def cache_bytes(self, width: int) -> int:
        """Bytes of one token's keys and values, with numbers of `width` bytes."""
        return 2 * self.text.number * self.text.keys * width

    def patches(self, size: int) -> int:
        """Positions of the image encoder for a frame of size x size pixels, its class one too."""
        return (size // self.patch) ** 2 + 1


def measure(config: VQAThinkerConfig) -> PolicySizes:
    """Count a policy of this configuration; takes a moment at any size, and no memory."""
    return _measure(config.to_json_string(use_diff=False))


@cache  # a plan asks a hundred times for a handful of policies
def _measure(written: str) -> PolicySizes:
    config = VQAThinkerConfig.from_dict(json.loads(written))
    with torch.device("meta"):
        policy = VQAThinkerForConditionalGeneration(config)
    weights, adapted = Counter[str](), Counter[str]()
    for name, parameter in policy.named_parameters():
        weights[part_of(name)] += parameter.numel()
    weights[FROZEN] += sum(constant.numel() for constant in policy.model.motion_encoder.buffers())
    for name, module in policy.named_modules():
        if isinstance(module, nn.Linear) and not name.startswith(("lm_head", "model.motion_enc")):
            adapted[part_of(f"{name}.weight")] += module.in_features + module.out_features
    text, vision = config.text_config, config.vision_config
    table = policy.get_input_embeddings().weight
    width = text.hidden_size // text.num_attention_heads
    return PolicySizes(
        weights=dict(weights), adapted=dict(adapted),
        text=Layers(
            text.num_hidden_layers, text.hidden_size, text.num_attention_heads,
            width * text.num_key_value_heads, text.intermediate_size,
        ),
        vision=Layers(
            vision.num_hidden_layers, vision.hidden_size, vision.num_attention_heads,
            vision.hidden_size, vision.intermediate_size,
        ),
        vocabulary=text.vocab_size, embedding=table.numel(),
        tied=policy.lm_head.weight is table, patch=vision.patch_size[0],
        slowfast=config.motion["encoder"] == "slowfast_r50",
    )  # fmt: skip
