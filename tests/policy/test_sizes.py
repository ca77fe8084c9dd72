"""Counted sizes are those of real models."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers.models.internvl.modeling_internvl import InternVLVisionLayer
from transformers.models.qwen2.modeling_qwen2 import Qwen2DecoderLayer, Qwen2RotaryEmbedding

from vqathinker.policy.config import part_of
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.sizes import config_of, count_weights

Policy = VQAThinkerForConditionalGeneration


@pytest.fixture(scope="module")
def tiny(tiny_base: Path) -> Policy:
    return load_policy(tiny_base).model


def test_counted_weights_are_those_of_the_policy(tiny: Policy) -> None:
    sizes = count_weights(tiny.config)
    tensors = dict(tiny.named_parameters())
    tensors |= tiny.model.motion_encoder.named_buffers("model.motion_encoder")
    for part, counted in sizes.weights.items():
        assert counted == sum(t.numel() for name, t in tensors.items() if part_of(name) == part)
    assert sizes.bytes_at(4) == sum(t.numel() * t.element_size() for t in tensors.values())


def test_counted_adapters_are_those_of_peft(tiny: Policy) -> None:
    with torch.device("meta"):
        policy = Policy(tiny.config)
    layers = r"model\.language_model\..*\.(q|k|v|o|gate|up|down)_proj"
    adapted = get_peft_model(policy, LoraConfig(r=4, target_modules=layers))
    made = sum(p.numel() for name, p in adapted.named_parameters() if "lora_" in name)
    assert 4 * count_weights(tiny.config).adapted["language"] == made > 0


def saved_bytes(layer: torch.nn.Module, run: Callable[[], object]) -> int:
    """Bytes of the storages that autograd keeps for the backward pass, without weights."""
    own = {parameter.untyped_storage().data_ptr() for parameter in layer.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if (place := tensor.untyped_storage().data_ptr()) not in own:
            kept[place] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = run()
    del result
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


@pytest.mark.parametrize(("dtype", "width"), [(torch.bfloat16, 2), (torch.float32, 4)])
def test_counted_activations_are_those_of_the_layers(dtype: torch.dtype, width: int) -> None:
    tokens, sizes = 512, count_weights(config_of("1B"))
    text, vision = sizes.config.text_config, sizes.config.vision_config
    text._attn_implementation = vision._attn_implementation = "sdpa"
    states = torch.randn(1, tokens, text.hidden_size, dtype=dtype, requires_grad=True) * 1
    turns = Qwen2RotaryEmbedding(text)(states, torch.arange(tokens)[None])
    layer = Qwen2DecoderLayer(text, 0).to(dtype)
    kept = saved_bytes(layer, lambda: layer(states, position_embeddings=turns, attention_mask=None))
    assert kept == pytest.approx(tokens * sizes.saved_by_text_layer(width), rel=0.02)

    states = torch.randn(1, tokens, vision.hidden_size, dtype=dtype, requires_grad=True) * 1
    vision_layer = InternVLVisionLayer(vision).to(dtype)
    kept = saved_bytes(vision_layer, lambda: vision_layer(states))
    assert kept == pytest.approx(tokens * sizes.saved_by_vision_layer(width), rel=0.02)
