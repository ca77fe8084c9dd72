"""The authors' checkpoint layout, `InternVLChatModel`: names of tensors, and configuration.

Source: docs/method.md, section 2; tensor names of the released checkpoint
`kkkkkklinhan/InternVL3-VQAThinker-8B`: those of InternVL's original layout, plus `slowfast_model.*`
and `motion_mlp.*`; the fields of InternVL's `config.json` (OpenGVLab/InternVL3-8B).
"""

import re
from copy import deepcopy
from typing import Any

from transformers import InternVLVisionConfig, Qwen2Config

from vqathinker.errors import InputError
from vqathinker.policy.config import VQAThinkerConfig

_QKV = {"q_proj": 0, "k_proj": 1, "v_proj": 2}

# Our names to theirs; the first pattern that matches the beginning of a name applies.
_BODY = {
    r"model\.vision_tower\.embeddings\.cls_token$": "vision_model.embeddings.class_embedding",
    r"model\.vision_tower\.embeddings\.position_embeddings$":
        "vision_model.embeddings.position_embedding",
    r"model\.vision_tower\.embeddings\.patch_embeddings\.projection\.":
        "vision_model.embeddings.patch_embedding.",
    r"model\.vision_tower\.encoder\.layer\.": "vision_model.encoder.layers.",
    r"model\.multi_modal_projector\.layer_norm\.": "mlp1.0.",
    r"model\.multi_modal_projector\.linear_1\.": "mlp1.1.",
    r"model\.multi_modal_projector\.linear_2\.": "mlp1.3.",
    r"model\.motion_encoder\.blocks\.": "slowfast_model.feature_extraction.",
    r"model\.motion_projector\.": "motion_mlp.",
    r"model\.language_model\.": "language_model.model.",
    r"lm_head\.": "language_model.lm_head.",
}  # fmt: skip
# Within a layer of the image encoder.
_LAYER = {
    r"\.attention\.[qkv]_proj\.": ".attn.qkv.",
    r"\.attention\.projection_layer\.": ".attn.proj.",
    r"\.attention\.(q|k)_norm\.": r".attn.\1_norm.",
    r"\.layernorm_before\.": ".norm1.",
    r"\.layernorm_after\.": ".norm2.",
    r"\.lambda_([12])$": r".ls\1",
}


def original_name(name: str) -> tuple[str, int | None]:
    """The name of one of our tensors in the authors' layout, and which third of it ours is.

    >>> original_name("model.vision_tower.encoder.layer.3.attention.k_proj.bias")
    ('vision_model.encoder.layers.3.attn.qkv.bias', 1)
    >>> original_name("model.motion_projector.1.weight")
    ('motion_mlp.1.weight', None)

    Raises:
        KeyError: the authors' layout has no such tensor.
    """
    for pattern, theirs in _BODY.items():
        renamed, count = re.subn("^" + pattern, theirs, name)
        if count:
            break
    else:
        raise KeyError(name)
    qkv_part = None
    if renamed.startswith("vision_model.encoder."):
        qkv_part = next((i for part, i in _QKV.items() if f".attention.{part}." in renamed), None)
        for pattern, theirs in _LAYER.items():
            renamed = re.sub(pattern, theirs, renamed)
    return renamed, qkv_part


# Fields of the image encoder with another name, and those with the same name.
_RENAMED = {"qkv_bias": "attention_bias", "qk_normalization": "use_qk_norm"}
_SHARED_FIELDS = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "norm_type",
    "layer_norm_eps", "hidden_act", "attention_dropout",
)  # fmt: skip
_LANGUAGE = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "hidden_act", "max_position_embeddings", "rms_norm_eps", "rope_theta",
    "rope_scaling", "attention_dropout", "bos_token_id", "eos_token_id", "pad_token_id",
    "initializer_range",
)  # fmt: skip
# Without `sliding_window` in the configuration, the transformers version of the released code uses
# this window in all layers of a Qwen2 and ignores `use_sliding_window` (transformers issue 38002).
# The golden `policy.json`, the authors' own output, was computed that way: without a window, its
# evaluation case differs by 0.06 of the logits' spread. InternVL3-8B has null: no window.
_DEFAULT_WINDOW = 4096
# Other values are not supported. InternVLChatConfig's defaults are -1 and v1.
_REQUIRED: dict[str, Any] = {"select_layer": -1, "ps_version": "v2"}
# InternVisionConfig's defaults, which differ from those of transformers' InternVLVisionConfig.
_VISION_DEFAULTS: dict[str, Any] = {
    "hidden_size": 3200, "num_hidden_layers": 48, "num_attention_heads": 25,
    "intermediate_size": 12800, "norm_type": "rms_norm", "layer_norm_eps": 1e-6,
    "hidden_act": "gelu", "attention_dropout": 0.0, "qkv_bias": False, "qk_normalization": True,
}  # fmt: skip
_ARCHITECTURE = "Qwen2ForCausalLM"


def from_original(
    config: dict[str, Any], image_token_id: int, tied: bool, setting: str
) -> VQAThinkerConfig:
    """Convert the `config.json` of a checkpoint in the authors' layout.

    Args:
        image_token_id: the id of `<IMG_CONTEXT>` in its tokenizer.
        tied: whether embeddings and output layer are one tensor.
        setting: frames x size of the clips for evaluation.

    Raises:
        InputError: a value is not supported.
        KeyError: a field is missing.
    """
    vision, language = config["vision_config"], config["llm_config"]
    architecture = (language.get("architectures") or [None])[0]
    if architecture != _ARCHITECTURE:
        raise InputError(f"llm_config.architectures is {architecture}, expected {_ARCHITECTURE}")
    for key, value in _REQUIRED.items():
        if (found := {"select_layer": -1, "ps_version": "v1", **config}[key]) != value:
            raise InputError(f"{key} is {found!r}, expected {value!r}")
    shape = {"image_size": [vision["image_size"]] * 2, "patch_size": [vision["patch_size"]] * 2}
    vision = _VISION_DEFAULTS | vision
    renamed = {ours: vision[theirs] for theirs, ours in _RENAMED.items()}
    vision_config = InternVLVisionConfig(
        **shape, **renamed, **{k: vision[k] for k in _SHARED_FIELDS}
    )
    shared = {key: language[key] for key in _LANGUAGE if language.get(key) is not None}
    shared = deepcopy(shared)  # Qwen2Config modifies rope_scaling
    text_config = Qwen2Config(**shared, **_attention_window(language), tie_word_embeddings=tied)
    ratio = float(config.get("downsample_ratio", 0.5))
    return VQAThinkerConfig(
        motion={"encoder": "slowfast_r50"},
        setting=setting, vision_config=vision_config, text_config=text_config,
        image_token_id=image_token_id,
        image_seq_length=round(vision["image_size"] / vision["patch_size"] * ratio) ** 2,
        downsample_ratio=ratio, tie_word_embeddings=tied,
        architectures=["VQAThinkerForConditionalGeneration"],
    )  # fmt: skip


def _attention_window(language: dict[str, Any]) -> dict[str, Any]:
    """Qwen2Config's arguments for the attention window, the same in every layer."""
    window = language.get("sliding_window", _DEFAULT_WINDOW)
    if window is None or window >= language.get("max_position_embeddings", window + 1):
        return {"use_sliding_window": False}
    return {"use_sliding_window": True, "sliding_window": int(window), "max_window_layers": 0}


def to_original(config: VQAThinkerConfig) -> dict[str, Any]:
    """The `config.json` in the authors' layout.

    Raises:
        InputError: the policy has another motion encoder than the authors', or no motion token.
    """
    if not config.motion_token:
        raise InputError(
            "motion_token is false, which the authors' layout cannot express; expected a policy of "
            "a run with prompt.motion true"
        )
    if config.motion.get("encoder") != "slowfast_r50":
        raise InputError(
            f"the motion encoder is {config.motion.get('encoder')!r}; expected 'slowfast_r50', the "
            "only one of the authors' layout"
        )
    vision_config, text_config = config.vision_config, config.text_config
    rope = dict(text_config.rope_parameters)
    language = {key: getattr(text_config, key) for key in _LANGUAGE if hasattr(text_config, key)}
    language["rope_theta"] = rope.pop("rope_theta")
    scaled = rope.get("rope_type") != "default"
    language["rope_scaling"] = {**rope, "type": rope["rope_type"]} if scaled else None
    language["sliding_window"] = (
        text_config.sliding_window if text_config.use_sliding_window else None
    )
    vision = {key: getattr(vision_config, key) for key in _SHARED_FIELDS}
    vision |= {theirs: getattr(vision_config, ours) for theirs, ours in _RENAMED.items()}
    return {
        "architectures": ["InternVLChatModel"],
        "model_type": "internvl_chat",
        "torch_dtype": str(config.dtype).removeprefix("torch."),
        "vision_config": {
            "architectures": ["InternVisionModel"], "model_type": "intern_vit_6b", **vision,
            "image_size": vision_config.image_size[0],
            "patch_size": vision_config.patch_size[0], "drop_path_rate": 0.0,
            "use_flash_attn": True,
        },
        "llm_config": {
            "architectures": [_ARCHITECTURE], "model_type": "qwen2", **language,
            "tie_word_embeddings": config.tie_word_embeddings,
        },
        **_REQUIRED,
        "template": "internvl2_5", "downsample_ratio": config.downsample_ratio,
        "force_image_size": vision_config.image_size[0],
    }  # fmt: skip
