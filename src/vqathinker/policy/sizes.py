"""Configurations of InternVL3's sizes, and counts of weights, FLOP and bytes for planning.

Source: the `config.json` of OpenGVLab/InternVL3-{1B,2B,8B,14B}: InternViT-300M with Qwen2.5 of
0.5B, 1.5B, 7B and 14B.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import InternVLVisionConfig, PreTrainedTokenizerBase, Qwen2Config

from vqathinker.errors import InputError
from vqathinker.params import BaseParams, Parameters, PromptParams
from vqathinker.params.base import REPOS
from vqathinker.policy.config import AUTHORS_SETTING, MOTION_ENCODER, VQAThinkerConfig, part_of
from vqathinker.policy.demo import PHRASES
from vqathinker.policy.folder.checkpoint import read_config, read_tokenizer
from vqathinker.policy.inputs import prompt_ids
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.prompt import Setting, render_prompt
from vqathinker.policy.tiny import build_policy, build_tokenizer
from vqathinker.video.sampling import ClipSetting, parse_setting

# Pieces that InternVL3's tokenizer never merges: special tokens, words with the space before them,
# single digits, and runs of other characters. Each is counted as one token, which is exact for
# common English words.
_TOKEN_PATTERN = re.compile(
    r"<[|/]?\w+\|?>| ?[A-Za-z]+|[\u4e00-\u9fff]|\d|\n+| ?[^\sA-Za-z\d\u4e00-\u9fff<]+"
)
_TOKENS = 151674  # size of InternVL3's vocabulary
_CONTEXT = 151667  # <IMG_CONTEXT>

# Of the language model: hidden size, layers, attention heads, key-value heads, MLP size.
SIZES = {
    "1B": (896, 24, 14, 2, 4864),
    "2B": (1536, 28, 12, 2, 8960),
    "8B": (3584, 28, 28, 4, 18944),
    "14B": (5120, 48, 40, 8, 13824),
}


def config_of(size: str, setting: str = AUTHORS_SETTING) -> VQAThinkerConfig:
    """The configuration of a policy of one of `SIZES`, with SlowFast-R50."""
    hidden, layers, heads, key_value_heads, intermediate = SIZES[size]
    vision = InternVLVisionConfig(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
        attention_bias=True, use_qk_norm=False, image_size=[448, 448], patch_size=[14, 14],
    )  # fmt: skip
    text = Qwen2Config(
        vocab_size=_TOKENS, hidden_size=hidden, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=key_value_heads,
        intermediate_size=intermediate, max_position_embeddings=32768, rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e6},
        tie_word_embeddings=False,
        bos_token_id=151643, eos_token_id=151645, pad_token_id=151643,
    )  # fmt: skip
    return VQAThinkerConfig(
        motion={"encoder": "slowfast_r50"}, setting=setting, vision_config=vision,
        text_config=text, image_token_id=_CONTEXT, image_seq_length=256, downsample_ratio=0.5,
        tie_word_embeddings=False,
    )  # fmt: skip


@dataclass(frozen=True)
class PolicySizes:
    """Number of weights of a policy, and the FLOP and bytes that depend on it."""

    config: VQAThinkerConfig
    tokenizer: PreTrainedTokenizerBase | None  # None if the policy is not on this machine
    weights: dict[str, int]  # by part, constants included
    # By part, the sum of (inputs + outputs) of its linear layers. Multiplied by the rank, it is the
    # number of weights of its adapters. The head has none.
    adapted: dict[str, int]
    body: int  # weights of the language model without embeddings and head

    def bytes_at(self, width: int) -> int:
        """Bytes of all weights of `width` bytes each; those of the motion encoder have four."""
        return width * sum(self.weights.values()) + (4 - width) * self.weights[MOTION_ENCODER]

    def cache_bytes(self, width: int) -> int:
        """Bytes of the keys and values of one token, of `width` bytes each."""
        return int(2 * self.config.text_config.num_hidden_layers * self.keys * width)

    @property
    def keys(self) -> int:
        """Size of the keys of one token in a layer of the language model."""
        text = self.config.text_config
        return int(text.hidden_size // text.num_attention_heads * text.num_key_value_heads)

    def patches(self, size: int) -> int:
        """Patches of an image of size × size pixels, and the class token."""
        return (size // self.config.vision_config.patch_size[0]) ** 2 + 1

    def prompt_tokens(self, setting: Setting, clip: ClipSetting, prompt: PromptParams) -> int:
        """Tokens of a prompt, counted by the tokenizer, or estimated without one."""
        frame, parts = self.config.tokens_per_frame(clip.size, clip.width), prompt.model_dump()
        if self.tokenizer is not None:
            return len(prompt_ids(self.tokenizer, setting, clip.frames, frame, **parts))
        return len(_TOKEN_PATTERN.findall(render_prompt(setting, clip.frames, frame, **parts)))

    def vision_flops(self, clip: ClipSetting) -> float:
        """FLOP of the image encoder and its projector for a clip."""
        layers, patches = self.config.vision_config, self.patches(clip.size)
        attention = 4 * layers.num_hidden_layers * layers.hidden_size * patches**2
        projected = 2 * self.weights["projector"] * (patches - 1) / 4
        images = clip.frames * clip.width // clip.size
        return images * (2 * self.weights["vision"] * patches + attention + projected)

    def text_flops(self, prompt: int, group: int = 0, length: float = 0) -> float:
        """FLOP of the language model for a packed row: a prompt and `group` completions."""
        text, completed = self.config.text_config, group * length
        # Completions attend to the prompt and themselves. Only completions have logits.
        pairs = prompt**2 / 2 + completed * (prompt + length / 2)
        attention = 4 * text.num_hidden_layers * text.hidden_size * pairs
        logits = 2 * text.vocab_size * text.hidden_size * (completed or 1)
        return float(2 * self.body * (prompt + completed) + attention + logits)

    def saved_by_text_layer(self, width: int) -> int:
        """Bytes per token that a layer of the language model keeps for the backward pass."""
        text = self.config.text_config
        norms = 2 * (4 * text.hidden_size + 4 + width * text.hidden_size)  # computed in float32
        # Input, queries, keys, values and output, and the sums of the softmax in float32.
        attention = width * (3 * text.hidden_size + 2 * self.keys) + 4 * text.num_attention_heads
        mlp = width * (text.hidden_size + 4 * text.intermediate_size)  # input, four tensors
        return int(norms + attention + mlp)

    def saved_by_vision_layer(self, width: int) -> int:
        """The same for a layer of the image encoder and each patch."""
        vision = self.config.vision_config
        # Ten tensors of its hidden size, two of the MLP's, the statistics of two norms, and the
        # sums of the softmax in float32.
        widths = 10 * vision.hidden_size + 2 * vision.intermediate_size + 4
        return int(width * widths + 4 * vision.num_attention_heads)


def count_weights(
    config: VQAThinkerConfig, tokenizer: PreTrainedTokenizerBase | None = None
) -> PolicySizes:
    """Count the weights of a configuration."""
    with torch.device("meta"):
        policy = VQAThinkerForConditionalGeneration(config)
    weights, adapted, body = Counter[str](), Counter[str](), 0
    for name, parameter in policy.named_parameters():
        weights[part_of(name)] += parameter.numel()
        if name.startswith(("model.language_model.layers.", "model.language_model.norm.")):
            body += parameter.numel()
    encoder = policy.model.motion_encoder
    weights[MOTION_ENCODER] += sum(constant.numel() for constant in encoder.buffers())
    for name, module in policy.named_modules():
        if isinstance(module, nn.Linear) and not name.startswith(("lm_head", "model.motion_enc")):
            adapted[part_of(f"{name}.weight")] += module.in_features + module.out_features
    return PolicySizes(config, tokenizer, dict(weights), dict(adapted), body)


def base_sizes(params: Parameters) -> dict[str, PolicySizes]:
    """Sizes of the base policies of a scale, by name.

    A policy that is only evaluated is omitted if its size is unknown before it is fetched.

    Raises:
        InputError: the size of a policy that is trained is unknown.
    """
    size, runs = parse_setting(params.clips.train_setting).size, params.runs.values()
    bases = {base.name: base for base in (params.base, *(row.base for row in runs))}
    found = {name: sizes for name, base in bases.items() if (sizes := _base_size(base, size))}
    for name in (params.base.name, *(row.base.name for row in runs if row.train)):
        if name not in found:
            raise InputError(
                f"base.name is {name}, whose size is unknown before it is fetched; expected one of "
                f"{', '.join(REPOS)}: fetch it first with `vqathinker base`"
            )
    return found


def _base_size(base: BaseParams, size: int) -> PolicySizes | None:
    """From its folder, or from the size of InternVL3 that its name or source ends with."""
    if base.kind == "demo":
        tokenizer = build_tokenizer(PHRASES)
        return count_weights(build_policy(base, tokenizer, size).config, tokenizer)
    for folder in (Path("models/base", base.name), Path(base.source)):
        if (folder / "config.json").is_file():
            return count_weights(read_config(folder), read_tokenizer(folder))
    names = (base.name, base.source.removesuffix("-hf"))
    known = [name.rpartition("-")[2].upper() for name in names]
    return next((count_weights(config_of(name)) for name in known if name in SIZES), None)
