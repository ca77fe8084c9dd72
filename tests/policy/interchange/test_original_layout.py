"""Conversion of the configuration in the authors' layout."""

import json
from typing import Any

import pytest

from vqathinker.errors import InputError
from vqathinker.policy.interchange.original_layout import from_original, to_original
from vqathinker.policy.sizes import config_of

# From OpenGVLab/InternVL3-8B's config.json, without the fields for tiles of pictures.
INTERNVL3_8B: dict[str, Any] = {
    "architectures": ["InternVLChatModel"],
    "auto_map": {"AutoModel": "modeling_internvl_chat.InternVLChatModel"},
    "downsample_ratio": 0.5,
    "llm_config": {
        "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643,
        "eos_token_id": 151643, "hidden_act": "silu", "hidden_size": 3584,
        "intermediate_size": 18944, "max_position_embeddings": 32768, "max_window_layers": 70,
        "model_type": "qwen2", "moe_config": None, "num_attention_heads": 28,
        "num_hidden_layers": 28, "num_key_value_heads": 4, "rms_norm_eps": 1e-06,
        "rope_scaling": {"factor": 2.0, "rope_type": "dynamic", "type": "dynamic"},
        "rope_theta": 1000000.0, "sliding_window": None, "use_sliding_window": False,
        "vocab_size": 151674,
    },
    "model_type": "internvl_chat", "ps_version": "v2", "select_layer": -1,
    "template": "internvl2_5", "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    "vision_config": {
        "attention_dropout": 0.0, "drop_path_rate": 0.0, "hidden_act": "gelu", "hidden_size": 1024,
        "image_size": 448, "intermediate_size": 4096, "layer_norm_eps": 1e-06,
        "norm_type": "layer_norm", "num_attention_heads": 16, "num_channels": 3,
        "num_hidden_layers": 24, "patch_size": 14, "qk_normalization": False, "qkv_bias": True,
    },
}  # fmt: skip
IMAGE = 151667


def changed(**changes: Any) -> dict[str, Any]:
    """The configuration with other values, as `llm_config__sliding_window`; ... removes a key."""
    config = json.loads(json.dumps(INTERNVL3_8B))
    for name, value in changes.items():
        part, _, key = name.rpartition("__")
        section = config[part] if part else config
        section[key] = value
        if value is ...:
            del section[key]
    return config


def test_internvl3_8b_equals_the_table_of_sizes() -> None:
    ours = from_original(INTERNVL3_8B, IMAGE, False, "12x560").to_dict()
    table = config_of("8B").to_dict()
    for part in ("vision_config", "text_config"):
        differ = {k for k in table[part] if ours[part].get(k) != table[part][k]}
        assert differ <= {"eos_token_id", "pad_token_id", "rope_parameters"}
        ours.pop(part), table.pop(part)
    assert {k for k in table if ours[k] != table[k]} <= {"architectures", "motion"}


def test_configuration_round_trip_is_exact() -> None:
    ours = from_original(INTERNVL3_8B, IMAGE, False, "12x560")
    theirs = to_original(ours)
    for part in ("vision_config", "llm_config"):
        kept = {k: v for k, v in INTERNVL3_8B[part].items() if theirs[part].get(k, v) != v}
        assert not kept
    assert from_original(theirs, IMAGE, False, "12x560").to_dict() == ours.to_dict()


@pytest.mark.parametrize(
    ("given", "window"),
    [(None, None), (..., 4096), (2048, 2048), (32768, None)],
    ids=["null", "missing", "short", "whole context"],
)
def test_attention_window_is_converted(given: Any, window: int | None) -> None:
    config = from_original(changed(llm_config__sliding_window=given), IMAGE, False, "12x560")
    text = config.text_config
    kind = "full_attention" if window is None else "sliding_attention"
    assert set(text.layer_types) == {kind}
    assert text.sliding_window == window
    assert to_original(config)["llm_config"]["sliding_window"] == window


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"llm_config__architectures": ["LlamaForCausalLM"]}, "LlamaForCausalLM"),
        ({"ps_version": ...}, "ps_version is 'v1'"),
        ({"select_layer": -4}, "select_layer is -4"),
    ],
)
def test_other_architecture_is_an_error(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        from_original(changed(**changes), IMAGE, False, "12x560")


@pytest.mark.parametrize(
    ("key", "ours", "value"),
    [("norm_type", "norm_type", "rms_norm"), ("qk_normalization", "use_qk_norm", True)],
)
def test_missing_keys_have_the_authors_defaults(key: str, ours: str, value: Any) -> None:
    config = from_original(changed(**{f"vision_config__{key}": ...}), IMAGE, False, "12x560")
    assert getattr(config.vision_config, ours) == value
