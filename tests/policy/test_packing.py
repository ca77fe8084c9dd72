"""One row a video: the scores and gradients of a row for every completion, and fewer tokens."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vqathinker.policy.head import TOKENS_AT_A_TIME, CompletionScores, score_tokens
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.packing import pack

Model = VQAThinkerForConditionalGeneration

ROWS = torch.tensor([2, 0, 1, 0, 2])
LENGTHS = torch.tensor([7, 3, 1, 5, 6])
TEMPERATURE = 0.8


@pytest.fixture
def completions(policy: Model) -> Tensor:
    """Five completions of up to seven tokens, (5, 7)."""
    generator = torch.Generator().manual_seed(5)
    tokens = policy.config.text_config.vocab_size
    return torch.randint(20, tokens, (5, 7), generator=generator)


def scores_of(
    policy: Any, ids: Tensor, pixels: Tensor, completions: Tensor, **how: Any
) -> CompletionScores:
    scores: CompletionScores = policy(
        input_ids=ids.expand(len(pixels), -1), pixel_values=pixels, completion_ids=completions,
        rows=ROWS, temperature=TEMPERATURE, **({"lengths": LENGTHS} | how),
    )  # fmt: skip
    return scores


def policy_of(model: Any) -> Model:
    """The policy, out of its adapters."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def one_by_one(policy: Model, ids: Tensor, pixels: Tensor, completions: Tensor) -> CompletionScores:
    """Every completion by itself through the forward that transformers knows."""
    log_probs, entropies = torch.zeros(completions.shape), torch.zeros(completions.shape)
    for number, (row, length) in enumerate(zip(ROWS.tolist(), LENGTHS.tolist(), strict=True)):
        said = completions[number, :length]
        whole = torch.cat([ids, said])[None]
        logits = policy(input_ids=whole, pixel_values=pixels[row : row + 1]).logits[0]
        logits = logits[len(ids) - 1 : -1]
        image = torch.arange(logits.shape[-1]) == policy_of(policy).config.image_token_id
        chances = (logits.masked_fill(image, -torch.inf) / TEMPERATURE).log_softmax(-1)
        log_probs[number, :length] = chances.gather(-1, said[:, None])[:, 0]
        chances = chances.detach()[:, ~image]
        entropies[number, :length] = -(chances.exp() * chances).sum(-1)
    return CompletionScores(log_probs, entropies)


@pytest.mark.parametrize("packed", [True, False])
@torch.no_grad()
def test_scores_are_those_of_every_completion_by_itself(
    policy: Model, ids: Tensor, pixels: Tensor, completions: Tensor, packed: bool
) -> None:
    expected = one_by_one(policy, ids, pixels, completions)
    found = scores_of(policy, ids, pixels, completions, packed=packed)
    torch.testing.assert_close(found.log_probs, expected.log_probs, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.entropies, expected.entropies, atol=1e-5, rtol=0)
    padded = torch.arange(7) >= LENGTHS[:, None]
    assert not found.log_probs[padded].any()
    assert not found.entropies[padded].any()


@pytest.mark.parametrize("packed", [True, False])
@torch.no_grad()
def test_a_likely_visual_token_takes_no_probability_from_what_is_said(
    policy: Model, ids: Tensor, pixels: Tensor, completions: Tensor, packed: bool
) -> None:
    """It is never sampled, so scores are those of the distribution without it."""
    image = policy.config.image_token_id
    before = policy.lm_head.weight.clone()
    hidden = policy.model(input_ids=ids[None], pixel_values=pixels[:1]).last_hidden_state[0, -1]
    policy.lm_head.weight[image] = 10 * hidden / hidden.norm()
    assert policy.lm_head(hidden).softmax(-1)[image] > 0.5
    found = scores_of(policy, ids, pixels, completions, packed=packed)
    assert not torch.equal(policy.lm_head.weight, before)
    expected = one_by_one(policy, ids, pixels, completions)
    torch.testing.assert_close(found.log_probs, expected.log_probs, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.entropies, expected.entropies, atol=1e-5, rtol=0)


def adapted(policy: Model) -> Any:
    """The policy with low-rank adapters that already say something."""
    from peft import LoraConfig, get_peft_model

    lora = get_peft_model(policy, LoraConfig(r=4, target_modules=r".*language_model.*(q|v)_proj"))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in lora.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1, generator=generator)
    return lora


@pytest.mark.parametrize(("lora", "recompute"), [(False, True), (True, False), (True, True)])
def test_gradients_are_those_of_every_completion_by_itself(
    policy: Model, ids: Tensor, pixels: Tensor, completions: Tensor, lora: bool, recompute: bool
) -> None:
    weights = torch.linspace(-1, 1, completions.numel()).view_as(completions)
    model = adapted(policy) if lora else policy
    plain = copy.deepcopy(model)
    models = [plain.train(), model.train()]
    if recompute:
        policy.activation_checkpointing_enable()
        policy.enable_input_require_grads()
    expected = one_by_one(plain, ids, pixels, completions).log_probs
    found = scores_of(models[1], ids, pixels, completions).log_probs
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    for log_probs in (expected, found):
        (log_probs * weights).sum().backward()
    gradients = dict(models[0].named_parameters())
    reached = 0
    for name, parameter in models[1].named_parameters():
        if parameter.grad is None:
            assert gradients[name].grad is None, name
            continue
        reached += 1
        scale = max(1.0, float(gradients[name].grad.abs().max()))
        assert float((parameter.grad - gradients[name].grad).abs().max()) <= 1e-5 * scale, name
    assert reached == (8 if lora else sum(p.requires_grad for p in plain.parameters()))


def test_a_completion_sees_its_prompt_and_itself_alone() -> None:
    layout = pack(
        torch.tensor([[11, 12, 13], [21, 22, 0], [31, 32, 33]]), torch.tensor([3, 2, 3]),
        torch.tensor([0, 1, 0]), 2, 2,
    )  # fmt: skip
    assert layout.tokens.tolist() == [[11, 12, 31, 32], [21, 0, 0, 0]]
    assert layout.positions.tolist()[0] == [0, 1, 2, 3, 2, 3]
    assert layout.positions.tolist()[1][:3] == [0, 1, 2]
    assert layout.mask[0, 0].int().tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 0, 0, 1, 0],
        [1, 1, 0, 0, 1, 1],
    ]
    assert layout.predicted_by.tolist() == [1, 2, 3, 7, 8, 1, 4, 5]
    assert bool(layout.mask.any(-1).all())  # attention over nothing would be NaN


def test_the_head_keeps_the_logits_of_a_few_tokens_at_a_time() -> None:
    generator = torch.Generator().manual_seed(0)
    head = nn.Linear(8, 50)
    hidden = torch.randn((300, 8), generator=generator, requires_grad=True)
    ids = torch.randint(50, (300,), generator=generator)
    sizes = []
    head.register_forward_hook(lambda _, __, logits: sizes.append(len(logits)))

    log_probs, entropies = score_tokens(head, hidden, ids, 1.0)
    whole = head(hidden.detach()).log_softmax(-1)
    torch.testing.assert_close(log_probs, whole.gather(-1, ids[:, None])[:, 0])
    torch.testing.assert_close(entropies, -(whole.exp() * whole).sum(-1))
    assert sizes[:3] == [TOKENS_AT_A_TIME, TOKENS_AT_A_TIME, 300 - 2 * TOKENS_AT_A_TIME]
    sizes.clear()
    log_probs.sum().backward()
    assert sum(sizes) == 300  # nothing was kept for backward
    assert max(sizes) == TOKENS_AT_A_TIME
