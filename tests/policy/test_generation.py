"""Generation: greedy decoding, sampling, ended completions, chunks."""

from typing import Any

import pytest
import torch
from torch import Tensor

from vqathinker.policy import generation, model
from vqathinker.policy.generation import (
    EncodedPrompts,
    Sampling,
    generate,
    prefill,
    uniform_numbers,
)
from vqathinker.policy.inputs import encode_pixels
from vqathinker.policy.model import VQAThinkerForConditionalGeneration

Model = VQAThinkerForConditionalGeneration

NEVER = -1  # an end token that does not exist
ROWS = torch.tensor([2, 0, 1, 0])


@pytest.fixture
def prompts(policy: Model, ids: Tensor, pixels: Tensor) -> EncodedPrompts:
    return encode_pixels(policy, pixels).prompts(policy, ids)


@torch.no_grad()
def step_by_step(policy: Model, ids: Tensor, clip: Tensor, tokens: int) -> list[int]:
    """Greedy decoding without a cache."""
    text = ids
    for _ in range(tokens):
        logits = policy(input_ids=text[None], pixel_values=clip[None]).logits[0, -1]
        logits[policy.config.image_token_id] = -torch.inf
        text = torch.cat([text, logits.argmax()[None]])
    return text[len(ids) :].tolist()


@torch.no_grad()
def say_first(policy: Model, prompts: EncodedPrompts, token: int, factor: float = 100.0) -> None:
    """Make a token the likeliest first token of all completions."""
    _, hidden = prefill(policy, prompts)
    policy.lm_head.weight[token] = factor * hidden.mean((0, 1))


def test_greedy_equals_argmax_of_full_forwards(
    policy: Model, prompts: EncodedPrompts, ids: Tensor, pixels: Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(generation, "CACHE_GROWTH_TOKENS", 2)  # the cache grows twice
    done = generate(policy, prompts, ROWS, 6, NEVER).ids
    assert done == [step_by_step(policy, ids, pixels[row], 6) for row in ROWS.tolist()]
    assert len(set(map(tuple, done))) > 1  # otherwise the test proves little


@pytest.mark.parametrize("top_k", [0, 1, 3])
def test_samples_follow_the_probabilities(
    policy: Model, prompts: EncodedPrompts, top_k: int
) -> None:
    rows, draws = torch.zeros(4000, dtype=torch.long), uniform_numbers(0, "", 4000, 1)
    sampling = Sampling(draws, 0.25, top_k)
    drawn = torch.tensor(generate(policy, prompts, rows, 1, NEVER, sampling).ids)
    with torch.no_grad():
        _, hidden = prefill(policy, prompts)
        logits = policy.next_logits(hidden[0, -1])
    likeliest = logits.argsort(descending=True)[: top_k or None]
    expected = torch.zeros_like(logits)
    expected[likeliest] = (logits[likeliest] / 0.25).softmax(-1)
    seen = torch.bincount(drawn[:, 0], minlength=len(expected)) / len(rows)
    assert float(seen[likeliest].sum()) == pytest.approx(1)
    likely = expected > 0.01
    assert bool(likely.any())
    error = (expected * (1 - expected) / len(rows)).sqrt()
    assert bool(((seen - expected).abs() <= 5 * error)[likely].all())


def test_ended_completions_leave_the_batch(
    policy: Model, prompts: EncodedPrompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = generate(policy, prompts, ROWS, 8, NEVER, Sampling(uniform_numbers(1, "", 4, 8))).ids
    end = free[0][2]
    sizes = []
    forward = policy.model.forward

    def watched(*args: Any, **kwargs: Any) -> Any:
        sizes.append(len(kwargs["input_ids"]))
        return forward(*args, **kwargs)

    monkeypatch.setattr(policy.model, "forward", watched)
    done = generate(policy, prompts, ROWS, 8, end, Sampling(uniform_numbers(1, "", 4, 8))).ids
    assert sizes[:3] == [3, 4, 4]  # the prompts, then every completion
    assert max(sizes[3:]) < 4
    assert done[0][-1] == end  # the end token is kept
    for ended, unending in zip(done, free, strict=True):
        assert ended == unending[: unending.index(end) + 1 if end in unending else 8]


def test_kept_caches_are_those_of_the_completions(policy: Model, prompts: EncodedPrompts) -> None:
    end = generate(policy, prompts, ROWS, 8, NEVER).ids[0][2]
    done = generate(policy, prompts, ROWS, 8, end, keep_cache=True)
    assert len({id(kept.cache) for kept in done.caches}) > 1
    for row, ids, kept in zip(ROWS.tolist(), done.ids, done.caches, strict=True):
        alone = EncodedPrompts(*(part[row : row + 1] for part in prompts))
        cache, _ = prefill(policy, alone)
        with torch.no_grad():
            if ids[:-1]:
                policy.model(input_ids=torch.tensor([ids[:-1]]), past_key_values=cache)
        length = cache.get_seq_length()
        for own, layer in zip(cache.layers, kept.cache.layers, strict=True):
            assert torch.allclose(layer.keys[kept.row, :, :length], own.keys[0], atol=1e-5)
            assert torch.allclose(layer.values[kept.row, :, :length], own.values[0], atol=1e-5)


def test_image_token_is_never_generated(policy: Model, prompts: EncodedPrompts) -> None:
    context = policy.config.image_token_id
    say_first(policy, prompts, context)
    with torch.no_grad():
        _, hidden = prefill(policy, prompts)
        assert policy.lm_head(hidden[:, -1]).argmax(-1).tolist() == [context] * 3
    for sampling in (None, Sampling(uniform_numbers(0, "", 4, 5))):
        done = generate(policy, prompts, ROWS, 5, NEVER, sampling).ids
        assert not any(context in completion for completion in done)


@torch.no_grad()
@pytest.mark.parametrize("rows_of_a_chunk", [1, 2])
def test_chunking_does_not_change_results(
    policy: Model, ids: Tensor, pixels: Tensor, monkeypatch: pytest.MonkeyPatch,
    rows_of_a_chunk: int,
) -> None:  # fmt: skip
    whole = encode_pixels(policy, pixels).prompts(policy, ids)
    cache, hidden = prefill(policy, whole)
    seen: dict[str, list[int]] = {"vision_tower": [], "language_model": []}
    for name, rows in seen.items():
        layer = getattr(policy.model, name).register_forward_hook
        layer(lambda _, __, out, rows=rows: rows.append(len(out.last_hidden_state)))
    monkeypatch.setattr(model, "POSITIONS_PER_CHUNK", rows_of_a_chunk * len(ids))
    prompts = encode_pixels(policy, pixels).prompts(policy, ids)
    in_parts, last = prefill(policy, prompts)
    torch.testing.assert_close(prompts, whole)
    torch.testing.assert_close(last, hidden)
    for own, one in zip(in_parts.layers, cache.layers, strict=True):
        torch.testing.assert_close((own.keys, own.values), (one.keys, one.values))
    assert seen["language_model"] == {1: [1, 1, 1], 2: [2, 1]}[rows_of_a_chunk]
    patches = 1 + (pixels.shape[-1] // policy.config.vision_config.patch_size[0]) ** 2
    assert max(seen["vision_tower"]) * patches <= rows_of_a_chunk * len(ids)
    assert sum(seen["vision_tower"]) == 18
    rolled_out = generate(policy, prompts, ROWS, 6, NEVER).ids
    monkeypatch.undo()
    assert rolled_out == generate(policy, whole, ROWS, 6, NEVER).ids
