"""Packed rows give the scores and gradients of separate rows."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vqathinker.policy.head import TOKENS_PER_CHUNK, CompletionScores, score_tokens
from vqathinker.policy.model import VQAThinkerForConditionalGeneration

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
    """The policy without adapters."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def one_by_one(policy: Model, ids: Tensor, pixels: Tensor, completions: Tensor) -> CompletionScores:
    """Each completion separately, by the forward of transformers."""
    log_probs, entropies = torch.zeros(completions.shape), torch.zeros(completions.shape)
    for number, (row, length) in enumerate(zip(ROWS.tolist(), LENGTHS.tolist(), strict=True)):
        token_ids = completions[number, :length]
        whole = torch.cat([ids, token_ids])[None]
        logits = policy(input_ids=whole, pixel_values=pixels[row : row + 1]).logits[0]
        logits = logits[len(ids) - 1 : -1]
        image = torch.arange(logits.shape[-1]) == policy_of(policy).config.image_token_id
        log_softmax = (logits.masked_fill(image, -torch.inf) / TEMPERATURE).log_softmax(-1)
        log_probs[number, :length] = log_softmax.gather(-1, token_ids[:, None])[:, 0]
        log_softmax = log_softmax.detach()[:, ~image]
        entropies[number, :length] = -(log_softmax.exp() * log_softmax).sum(-1)
    return CompletionScores(log_probs, entropies)


@pytest.mark.parametrize("packed", [True, False])
@torch.no_grad()
def test_packed_scores_equal_separate_ones(
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
def test_image_token_has_no_probability(
    policy: Model, ids: Tensor, pixels: Tensor, completions: Tensor, packed: bool
) -> None:
    """Scores are those of the distribution without it, because it is never sampled."""
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
    """The policy with low-rank adapters that are not zero."""
    from peft import LoraConfig, get_peft_model

    lora = get_peft_model(policy, LoraConfig(r=4, target_modules=r".*language_model.*(q|v)_proj"))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in lora.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1, generator=generator)
    return lora


@pytest.mark.parametrize(("lora", "recompute"), [(False, True), (True, False), (True, True)])
def test_packed_gradients_equal_separate_ones(
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


def test_head_computes_logits_in_chunks() -> None:
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
    assert sizes[:3] == [TOKENS_PER_CHUNK, TOKENS_PER_CHUNK, 300 - 2 * TOKENS_PER_CHUNK]
    sizes.clear()
    log_probs.sum().backward()
    assert sum(sizes) == 300  # computed again in backward
    assert max(sizes) == TOKENS_PER_CHUNK
