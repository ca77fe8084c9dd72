"""InternVL3's sizes as configurations of the policy, and numbers of weights of a configuration.

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
from vqathinker.policy.config import AUTHORS_SETTING, FROZEN, VQAThinkerConfig, part_of
from vqathinker.policy.demo import PHRASES
from vqathinker.policy.folder.checkpoint import read_config, read_tokenizer
from vqathinker.policy.inputs import prompt_ids
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.prompt import Setting, render
from vqathinker.policy.tiny import build_policy, build_tokenizer
from vqathinker.video.sampling import ClipSetting, parse_setting

# Pieces that InternVL3's tokenizer never joins: its own tokens, words with the blank before them,
# single digits, and runs of other characters. Common English words are one token each; a Chinese
# character is counted as one, too.
_PIECES = re.compile(
    r"<[|/]?\w+\|?>| ?[A-Za-z]+|[\u4e00-\u9fff]|\d|\n+| ?[^\sA-Za-z\d\u4e00-\u9fff<]+"
)
_TOKENS = 151674  # of InternVL3's vocabulary
_CONTEXT = 151667  # <IMG_CONTEXT>

# Width, layers, heads, heads of keys and values, width of the perceptron of the language model.
SIZES = {
    "1B": (896, 24, 14, 2, 4864),
    "2B": (1536, 28, 12, 2, 8960),
    "8B": (3584, 28, 28, 4, 18944),
    "14B": (5120, 48, 40, 8, 13824),
}


def config_of(size: str, setting: str = AUTHORS_SETTING) -> VQAThinkerConfig:
    """The configuration of a policy on InternVL3 of a size, with SlowFast-R50.

    Raises:
        KeyError: no such size.
    """
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
    """Numbers of weights of a policy.

    Attributes:
        tokenizer: None where the policy is not there yet.
        weights: by part; the motion encoder's with its constants.
        adapted: by part, the sum of (inputs + outputs) of its linear layers, which times the rank
            is the number of weights of its adapters; the head has none.
        body: of the language model without its table of tokens and its head.
    """

    config: VQAThinkerConfig
    tokenizer: PreTrainedTokenizerBase | None
    weights: dict[str, int]
    adapted: dict[str, int]
    body: int

    def bytes_at(self, width: int) -> int:
        """Bytes of all weights with `width` bytes each; the motion encoder's have four."""
        return width * sum(self.weights.values()) + (4 - width) * self.weights[FROZEN]

    def cache_bytes(self, width: int) -> int:
        """Bytes of one token's keys and values with numbers of `width` bytes."""
        return int(2 * self.config.text_config.num_hidden_layers * self.keys * width)

    @property
    def keys(self) -> int:
        """Width of all keys of a layer of the language model together."""
        text = self.config.text_config
        return int(text.hidden_size // text.num_attention_heads * text.num_key_value_heads)

    def patches(self, size: int) -> int:
        """Positions of the image encoder for a frame of size x size pixels, with its class."""
        return (size // self.config.vision_config.patch_size[0]) ** 2 + 1

    def prompt_tokens(self, setting: Setting, clip: ClipSetting, asked: PromptParams) -> int:
        """Tokens of a prompt: counted by the tokenizer, or piece by piece where there is none."""
        frame, parts = self.config.tokens_per_frame(clip.size), asked.model_dump()
        if self.tokenizer is not None:
            return len(prompt_ids(self.tokenizer, setting, clip.frames, frame, **parts))
        return len(_PIECES.findall(render(setting, clip.frames, frame, **parts)))

    def vision_flops(self, clip: ClipSetting) -> float:
        """FLOP of the frames of a clip, through image encoder and projector."""
        layers, patches = self.config.vision_config, self.patches(clip.size)
        attention = 4 * layers.num_hidden_layers * layers.hidden_size * patches**2
        projected = 2 * self.weights["projector"] * (patches - 1) / 4
        return clip.frames * (2 * self.weights["vision"] * patches + attention + projected)

    def text_flops(self, prompt: int, group: int = 0, length: float = 0) -> float:
        """FLOP of a prompt with a group of completions of `length` tokens, packed into one row.

        Completions see the prompt and themselves, and only they have logits.
        """
        text, said = self.config.text_config, group * length
        pairs = prompt**2 / 2 + said * (prompt + length / 2)
        attention = 4 * text.num_hidden_layers * text.hidden_size * pairs
        logits = 2 * text.vocab_size * text.hidden_size * (said or 1)
        return float(2 * self.body * (prompt + said) + attention + logits)

    def saved_by_text_layer(self, width: int) -> int:
        """Bytes for each token that a layer of the language model keeps for the backward pass.

        Two norms, which compute in float32; the inputs of attention and of the perceptron; queries,
        keys, values, what attention gives and its sums; four tensors of the perceptron.
        """
        text = self.config.text_config
        norms = 2 * (4 * text.hidden_size + 4 + width * text.hidden_size)
        attention = width * (3 * text.hidden_size + 2 * self.keys) + 4 * text.num_attention_heads
        perceptron = width * (text.hidden_size + 4 * text.intermediate_size)
        return int(norms + attention + perceptron)

    def saved_by_vision_layer(self, width: int) -> int:
        """The same for a layer of the image encoder and each of its positions.

        Ten tensors of its width, two of the perceptron's, the statistics of two norms, the sums of
        attention.
        """
        vision = self.config.vision_config
        widths = 10 * vision.hidden_size + 2 * vision.intermediate_size + 4
        return int(width * widths + 4 * vision.num_attention_heads)


def measure(
    config: VQAThinkerConfig, tokenizer: PreTrainedTokenizerBase | None = None
) -> PolicySizes:
    """Count a policy of this configuration, which is built without memory on the meta device."""
    with torch.device("meta"):
        policy = VQAThinkerForConditionalGeneration(config)
    weights, adapted, body = Counter[str](), Counter[str](), 0
    for name, parameter in policy.named_parameters():
        weights[part_of(name)] += parameter.numel()
        if name.startswith(("model.language_model.layers.", "model.language_model.norm.")):
            body += parameter.numel()
    weights[FROZEN] += sum(constant.numel() for constant in policy.model.motion_encoder.buffers())
    for name, module in policy.named_modules():
        if isinstance(module, nn.Linear) and not name.startswith(("lm_head", "model.motion_enc")):
            adapted[part_of(f"{name}.weight")] += module.in_features + module.out_features
    return PolicySizes(config, tokenizer, dict(weights), dict(adapted), body)


def measure_bases(params: Parameters) -> dict[str, PolicySizes]:
    """Count every base policy of a scale, by its name.

    A policy that is only evaluated is left out if its size is not known before it is fetched.

    Raises:
        InputError: the size of a policy that is trained is not known.
    """
    size, runs = parse_setting(params.clips.train_setting).size, params.runs.values()
    bases = {base.name: base for base in (params.base, *(row.base for row in runs))}
    found = {name: sizes for name, base in bases.items() if (sizes := _measure_base(base, size))}
    for name in (params.base.name, *(row.base.name for row in runs if row.train)):
        if name not in found:
            raise InputError(
                f"base.name is {name}, whose size is not known before it is there; expected one "
                f"of {', '.join(REPOS)}, or fetch it first with `vqathinker base`"
            )
    return found


def _measure_base(base: BaseParams, size: int) -> PolicySizes | None:
    """From its folder, or by the size of InternVL3 that its name or source ends with."""
    if base.kind == "demo":
        tokenizer = build_tokenizer(PHRASES)
        return measure(build_policy(base, tokenizer, size).config, tokenizer)
    folder = Path("models/base", base.name)
    if (folder / "config.json").is_file():
        return measure(read_config(folder), read_tokenizer(folder))
    names = (base.name, base.source.removesuffix("-hf"))
    known = [name.rpartition("-")[2].upper() for name in names]
    return next((measure(config_of(name)) for name in known if name in SIZES), None)
