"""Sizes are those of the models that are really built."""

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
from vqathinker.policy.sizes import config_of, measure

Policy = VQAThinkerForConditionalGeneration


@pytest.fixture(scope="module")
def tiny(tiny_base: Path) -> Policy:
    return load_policy(tiny_base).model


def test_a_tiny_policy_has_the_weights_that_are_counted(tiny: Policy) -> None:
    sizes = measure(tiny.config)
    tensors = dict(tiny.named_parameters())
    tensors |= tiny.model.motion_encoder.named_buffers("model.motion_encoder")
    for part, counted in sizes.weights.items():
        assert counted == sum(t.numel() for name, t in tensors.items() if part_of(name) == part)
    assert sizes.bytes_at(4) == sum(t.numel() * t.element_size() for t in tensors.values())


def test_the_paper_s_policy_has_the_weights_that_its_shape_says() -> None:
    """Qwen2.5-7B by hand: two tables; in each layer attention with biases, perceptron, norms."""
    sizes, h, keys, inner = measure(config_of("8B")), 3584, 512, 18944
    layer = h * h + h + 2 * (h * keys + keys) + h * h + 3 * h * inner + 2 * h
    assert sizes.body == 28 * layer + h
    assert sizes.weights["language"] == sizes.body + 2 * 151674 * h
    assert sizes.weights["motion_projector"] == 2 * 2304 + 2304 * h + h + h * h + h


def test_adapters_have_the_weights_that_peft_makes(tiny: Policy) -> None:
    with torch.device("meta"):
        policy = Policy(tiny.config)
    layers = r"model\.language_model\..*\.(q|k|v|o|gate|up|down)_proj"
    adapted = get_peft_model(policy, LoraConfig(r=4, target_modules=layers))
    made = sum(p.numel() for name, p in adapted.named_parameters() if "lora_" in name)
    assert 4 * measure(tiny.config).adapted["language"] == made > 0


def saved_bytes(layer: torch.nn.Module, run: Callable[[], object]) -> int:
    """Bytes of storages that autograd keeps for the backward pass, weights aside."""
    own = {parameter.untyped_storage().data_ptr() for parameter in layer.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if (place := tensor.untyped_storage().data_ptr()) not in own:
            kept[place] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        held = run()
    del held
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


@pytest.mark.parametrize(("dtype", "width"), [(torch.bfloat16, 2), (torch.float32, 4)])
def test_layers_keep_for_the_backward_pass_what_is_counted(dtype: torch.dtype, width: int) -> None:
    tokens, sizes = 512, measure(config_of("1B"))
    text, vision = sizes.config.text_config, sizes.config.vision_config
    text._attn_implementation = vision._attn_implementation = "sdpa"
    states = torch.randn(1, tokens, text.hidden_size, dtype=dtype, requires_grad=True) * 1
    turns = Qwen2RotaryEmbedding(text)(states, torch.arange(tokens)[None])
    layer = Qwen2DecoderLayer(text, 0).to(dtype)
    kept = saved_bytes(layer, lambda: layer(states, position_embeddings=turns, attention_mask=None))
    assert kept == pytest.approx(tokens * sizes.saved_by_text_layer(width), rel=0.02)

    states = torch.randn(1, tokens, vision.hidden_size, dtype=dtype, requires_grad=True) * 1
    seen = InternVLVisionLayer(vision).to(dtype)
    kept = saved_bytes(seen, lambda: seen(states))
    assert kept == pytest.approx(tokens * sizes.saved_by_vision_layer(width), rel=0.02)
