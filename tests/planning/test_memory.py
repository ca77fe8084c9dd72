"""Bytes are those that torch really holds."""

import copy
from collections.abc import Callable

import pytest
import torch
from transformers import DynamicCache, InternVLVisionConfig, Qwen2Config
from transformers.models.internvl.modeling_internvl import InternVLVisionLayer
from transformers.models.qwen2.modeling_qwen2 import Qwen2DecoderLayer, Qwen2RotaryEmbedding

from vqathinker.planning.job import TrainingJob
from vqathinker.planning.memory import (
    saved_by_text_layer,
    saved_by_vision_layer,
    training_memory,
)
from vqathinker.planning.sizes import Layers, PolicySizes, measure
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.parts import FROZEN, PARTS

Policy = VQAThinkerForConditionalGeneration
Jobs = Callable[..., TrainingJob]


def bytes_of(tensors: list[torch.Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@pytest.mark.parametrize("freeze", [[], ["vision"]])
def test_a_step_on_the_cpu_holds_these_weights_gradients_and_moments(
    tiny: Policy, job_of: Jobs, freeze: list[str]
) -> None:
    policy = copy.deepcopy(tiny)
    for part in freeze:
        for name, parameter in policy.named_parameters():
            parameter.requires_grad_(not name.startswith(PARTS[part]))
    trained = [parameter for parameter in policy.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-3)
    sum(parameter.sum() for parameter in trained).backward()
    optimiser.step()
    moments = [
        value
        for state in optimiser.state.values()
        for name, value in state.items()
        if name != "step"
    ]
    planned = training_memory(job_of(measure(tiny.config), gpu=False, freeze=freeze)).resident
    constants = list(policy.model.motion_encoder.buffers())
    assert planned["weights"] == bytes_of([*policy.parameters(), *constants])
    assert planned["gradients"] == bytes_of([parameter.grad for parameter in trained])
    assert planned["optimiser"] == bytes_of(moments)


def test_half_precision_adds_the_optimiser_s_copy_in_float32(tiny: Policy, job_of: Jobs) -> None:
    policy = copy.deepcopy(tiny).to(torch.bfloat16)
    policy.model.motion_encoder.float()
    masters = [parameter.detach().float().requires_grad_() for parameter in policy.parameters()]
    optimiser = torch.optim.AdamW(masters, lr=1e-3)
    sum(master.sum() for master in masters).backward()
    optimiser.step()
    moments = [s[name] for s in optimiser.state.values() for name in ("exp_avg", "exp_avg_sq")]
    constants = list(policy.model.motion_encoder.buffers())
    planned = training_memory(job_of(measure(tiny.config), gpu=True)).resident
    assert planned["weights"] == bytes_of([*policy.parameters(), *constants])
    assert planned["optimiser"] == bytes_of([*masters, *moments])
    assert planned["reference"] == planned["weights"]


def test_the_cache_of_a_prompt_has_the_bytes_of_a_real_one(tiny: Policy) -> None:
    cache = DynamicCache()
    with torch.no_grad():
        tiny(input_ids=torch.arange(40).view(2, 20), past_key_values=cache, use_cache=True)
    held = bytes_of([part for layer in cache.layers for part in (layer.keys, layer.values)])
    assert held == 40 * measure(tiny.config).cache_bytes(4)


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
    tokens, shape = 512, Layers(1, 256, 8, 64, 1024)
    text = Qwen2Config(
        hidden_size=256, num_attention_heads=8, num_key_value_heads=2, intermediate_size=1024,
        num_hidden_layers=1, vocab_size=10, attn_implementation="sdpa",
    )  # fmt: skip
    states = torch.randn(1, tokens, 256, dtype=dtype, requires_grad=True) * 1
    places = torch.arange(tokens)[None]
    turns = Qwen2RotaryEmbedding(text)(states, places)
    layer = Qwen2DecoderLayer(text, 0).to(dtype)
    kept = saved_bytes(layer, lambda: layer(states, position_embeddings=turns, attention_mask=None))
    assert kept == pytest.approx(tokens * saved_by_text_layer(shape, width), rel=0.02)

    vision = InternVLVisionConfig(
        hidden_size=256, num_attention_heads=8, intermediate_size=1024, num_hidden_layers=1,
        attention_bias=True, use_qk_norm=False, attn_implementation="sdpa",
    )  # fmt: skip
    seen = InternVLVisionLayer(vision).to(dtype)
    kept = saved_bytes(seen, lambda: seen(states))
    assert kept == pytest.approx(tokens * saved_by_vision_layer(shape, width), rel=0.02)


def test_gpus_share_gradients_and_optimiser_and_not_weights(
    sizes_8b: PolicySizes, job_of: Jobs
) -> None:
    one, eight = (training_memory(job_of(sizes_8b, number)).resident for number in (1, 8))
    assert eight["weights"] == one["weights"]
    assert eight["optimiser"] == pytest.approx(one["optimiser"] / 8, abs=8)
    assert one["optimiser"] == 12 * (sizes_8b.total - sizes_8b.weights[FROZEN])


def test_adapters_need_no_reference_and_checkpointing_keeps_less(
    sizes_8b: PolicySizes, job_of: Jobs, settings
) -> None:
    from vqathinker.params import LoraParams

    plain, adapted = (
        job_of(sizes_8b),
        job_of(sizes_8b, lora=LoraParams(rank=64, alpha=128.0, parts=["language"])),
    )
    assert training_memory(plain).resident["reference"] > 0
    assert training_memory(adapted).resident["reference"] == 0
    whole = training_memory(job_of(sizes_8b, gradient_checkpointing=False)).update["activations"]
    assert whole > 20 * training_memory(plain).update["activations"]
