"""Sizes of the measured GRPO step, with random weights.

`tiny` is a quick test. `small` has the proportions of InternVL3-8B at the authors' setting, for two
cores: 6 frames of 256 tokens, completions of 100 to 200 tokens, and similar shares of image
encoder, attention and head. Its motion encoder is the filter bank: SlowFast is 0.5 % of the work of
an 8B policy, but would be 20 % here.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import InternVLVisionConfig, PreTrainedModel, Qwen2Config

from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.sizes import config_of
from vqathinker.video.sampling import ClipSetting, parse_setting

WORDS = 150  # tokens of a prompt that are not visual
SHARED_TOKENS = 268  # size of the smallest vocabulary: bytes and special tokens


class Shape(NamedTuple):
    """The configuration of a policy and the size of a step."""

    config: VQAThinkerConfig
    setting: str  # frames x size
    videos: int
    group: int
    lengths: tuple[int, int]  # minimum and maximum tokens of a completion, with the end token

    @property
    def clip(self) -> ClipSetting:
        """Number and size of the frames of a clip."""
        return parse_setting(self.setting)

    @property
    def visual(self) -> int:
        """Visual tokens of a prompt, without the motion token."""
        return self.clip.frames * self.config.tokens_per_frame(self.clip.size)

    def prompt(self) -> Tensor:
        """Token ids (length,) of a prompt: `WORDS` text tokens, frames and motion token."""
        words = torch.arange(WORDS) + 2
        image = torch.full((self.visual + 1,), self.config.image_token_id)
        return torch.cat([words[:-9], image, words[-9:]])

    def drawn_lengths(self, rows: int, seed: int) -> Tensor:
        """Random lengths (rows,) of completions."""
        generator = torch.Generator().manual_seed(seed)
        low, high = self.lengths
        return torch.randint(low, high + 1, (rows,), generator=generator)


def shape_of(name: str) -> Shape:
    """The shape with this name in `SHAPES`."""
    return SHAPES[name]()


def build(
    kind: type[PreTrainedModel], config: VQAThinkerConfig, device: torch.device
) -> PreTrainedModel:
    """A model with random, reproducible weights: bfloat16 on a GPU, else float32."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16 if device.type == "cuda" else torch.float32)
    with device:
        policy = kind(config)
    torch.set_default_dtype(torch.float32)
    return policy


def _tiny() -> Shape:
    vision = _vision(hidden=32, layers=2, heads=2, size=112)
    return Shape(_config(vision, _text(512, 64, 2, 4)), "6x112", 2, 4, (3, 8))


def _small() -> Shape:
    vision = _vision(hidden=96, layers=2, heads=3, size=448)
    return Shape(_config(vision, _text(4096, 384, 6, 6)), "6x448", 2, 4, (100, 200))


def _internvl3(size: str) -> Shape:
    return Shape(config_of(size, "6x448"), "6x448", 2, 4, (100, 200))


SHAPES: dict[str, Callable[[], Shape]] = {
    "tiny": _tiny,
    "small": _small,
    "internvl3-2b": lambda: _internvl3("2B"),
    "internvl3-8b": lambda: _internvl3("8B"),
}


def _vision(hidden: int, layers: int, heads: int, size: int) -> InternVLVisionConfig:
    return InternVLVisionConfig(
        hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=4 * hidden, image_size=[size, size], attention_bias=True,
    )  # fmt: skip


def _text(vocabulary: int, hidden: int, layers: int, heads: int) -> Qwen2Config:
    return Qwen2Config(
        vocab_size=vocabulary, hidden_size=hidden, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=heads // 2,
        intermediate_size=8 * hidden // 3, max_position_embeddings=4096,
        tie_word_embeddings=False, bos_token_id=None,
    )  # fmt: skip


def _config(vision: InternVLVisionConfig, text: Qwen2Config) -> VQAThinkerConfig:
    return VQAThinkerConfig(
        motion={"encoder": "filter_bank"}, vision_config=vision, text_config=text,
        image_token_id=SHARED_TOKENS - 1, downsample_ratio=0.5, tie_word_embeddings=False,
        image_seq_length=(vision.image_size[0] // 28) ** 2,
    )  # fmt: skip
