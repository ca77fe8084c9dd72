"""Sizes are those of the models that are really built."""

import torch
from peft import LoraConfig, get_peft_model

from vqathinker.planning.sizes import PolicySizes, measure
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.parts import part_of


def test_a_tiny_policy_has_the_weights_that_are_counted(
    tiny: VQAThinkerForConditionalGeneration,
) -> None:
    sizes = measure(tiny.config)
    for part, counted in sizes.weights.items():
        tensors = [*tiny.named_parameters(), *tiny.model.motion_encoder.named_buffers("model.x")]
        names = {name.replace("model.x", "model.motion_encoder"): t for name, t in tensors}
        assert counted == sum(t.numel() for name, t in names.items() if part_of(name) == part)


def test_the_paper_s_policy_has_the_weights_that_its_shape_says(sizes_8b: PolicySizes) -> None:
    """Qwen2.5-7B by hand: two tables; in each layer attention with biases, perceptron, norms."""
    h, keys, inner = 3584, 512, 18944
    layer = h * h + h + 2 * (h * keys + keys) + h * h + 3 * h * inner + 2 * h
    assert sizes_8b.body == 28 * layer + h
    assert sizes_8b.weights["language"] == sizes_8b.body + 2 * 151674 * h
    projector = 2 * 2304 + 2304 * h + h + h * h + h
    assert sizes_8b.weights["motion_projector"] == projector


def test_adapters_have_the_weights_that_peft_makes(
    tiny: VQAThinkerForConditionalGeneration,
) -> None:
    sizes = measure(tiny.config)
    with torch.device("meta"):
        policy = VQAThinkerForConditionalGeneration(tiny.config)
    layers = r"model\.language_model\..*\.(q|k|v|o|gate|up|down)_proj"
    adapted = get_peft_model(policy, LoraConfig(r=4, target_modules=layers))
    made = sum(p.numel() for name, p in adapted.named_parameters() if "lora_" in name)
    assert sizes.adapters(4, {"language"}) == made > 0
