"""InternVL3's sizes as configurations of the policy, so that one can be measured before it is had.

Source: the `config.json` of OpenGVLab/InternVL3-{1B,2B,8B,14B}: InternViT-300M with Qwen2.5 of
0.5B, 1.5B, 7B and 14B.
"""

from typing import NamedTuple

from transformers import InternVLVisionConfig, Qwen2Config

from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.folder.processor import AUTHORS_SETTING

__all__ = ["SIZES", "config_of"]

_TOKENS = 151674  # of InternVL3's vocabulary
_CONTEXT = 151667  # <IMG_CONTEXT>


class _Language(NamedTuple):
    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    intermediate: int


SIZES = {
    "1B": _Language(896, 24, 14, 2, 4864),
    "2B": _Language(1536, 28, 12, 2, 8960),
    "8B": _Language(3584, 28, 28, 4, 18944),
    "14B": _Language(5120, 48, 40, 8, 13824),
}


def config_of(size: str, setting: str = AUTHORS_SETTING) -> VQAThinkerConfig:
    """The configuration of a policy on InternVL3 of a size, with SlowFast-R50.

    Raises:
        KeyError: no such size.
    """
    language = SIZES[size]
    vision = InternVLVisionConfig(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
        attention_bias=True, use_qk_norm=False, image_size=[448, 448], patch_size=[14, 14],
    )  # fmt: skip
    text = Qwen2Config(
        vocab_size=_TOKENS, hidden_size=language.hidden, num_hidden_layers=language.layers,
        num_attention_heads=language.heads, num_key_value_heads=language.key_value_heads,
        intermediate_size=language.intermediate, max_position_embeddings=32768, rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e6},
        tie_word_embeddings=False,
        bos_token_id=151643, eos_token_id=151645, pad_token_id=151643,
    )  # fmt: skip
    return VQAThinkerConfig(
        motion={"encoder": "slowfast_r50"}, setting=setting, vision_config=vision,
        text_config=text, image_token_id=_CONTEXT, image_seq_length=256, downsample_ratio=0.5,
        tie_word_embeddings=False,
    )  # fmt: skip
