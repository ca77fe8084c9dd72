"""Layers with a sliding attention window."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import DynamicCache, Qwen2Config

from vqathinker.params import EXPECTATION
from vqathinker.policy import expectation
from vqathinker.policy.config import attention_window
from vqathinker.policy.expectation import NumberTokens, expected_score
from vqathinker.policy.folder.checkpoint import Policy
from vqathinker.policy.generation import CacheRow, EncodedPrompts, prefill
from vqathinker.policy.model import VQAThinkerForConditionalGeneration

Model = VQAThinkerForConditionalGeneration

LENGTHS = torch.tensor([7, 3, 1, 5])
ROWS = torch.tensor([0, 0, 1, 1])
WINDOW = 6


def with_window(policy: Model) -> Model:
    """The policy with a window of six tokens in its second layer."""
    windowed = copy.deepcopy(policy)
    text = windowed.config.text_config
    text.use_sliding_window, text.sliding_window = True, WINDOW
    text.layer_types = ["full_attention", "sliding_attention"]
    windowed = type(policy)(windowed.config)
    windowed.load_state_dict(policy.state_dict())
    return windowed.eval()


def qwen(**keys: Any) -> Any:
    return Qwen2Config(num_hidden_layers=2, **keys)


@pytest.mark.parametrize(
    ("config", "window"),
    [
        (qwen(), None),
        (qwen(sliding_window=8), None),  # not enabled
        (qwen(use_sliding_window=True, sliding_window=8, max_window_layers=1), 8),
    ],
)
def test_attention_window_comes_from_the_configuration(config: Any, window: int | None) -> None:
    assert attention_window(config) == window


@torch.no_grad()
def test_log_probs_respect_the_window(policy: Model, ids: Tensor, pixels: Tensor) -> None:
    windowed = with_window(policy)
    answer = torch.randint(20, 200, (4, 7), generator=torch.Generator().manual_seed(5))

    def scores(model: Any, **how: Any) -> Tensor:
        found: Tensor = model(
            input_ids=ids.expand(2, -1), pixel_values=pixels[:2], completion_ids=answer,
            lengths=LENGTHS, rows=ROWS, **how,
        ).log_probs  # fmt: skip
        return found

    expected = scores(windowed, packed=False)
    torch.testing.assert_close(scores(windowed), expected, atol=1e-5, rtol=0)
    assert not torch.allclose(expected, scores(policy, packed=False), atol=1e-3)


@torch.no_grad()
def test_expectation_respects_the_window(
    loaded: Policy, ids: Tensor, pixels: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    windowed, tokenizer = with_window(loaded.model), loaded.tokenizer
    answer = list(tokenizer("<think>clear</think><answer>", add_special_tokens=False)["input_ids"])
    prompts = EncodedPrompts(ids[None], *windowed.model.encode(pixels[:1], None, None))
    cache, _ = prefill(windowed, prompts)
    windowed.model(input_ids=torch.tensor([answer]), past_key_values=cache, use_cache=True)
    checked = []
    step = expectation._next_probabilities

    def compared(
        policy: Any, nodes: Any, branch_cache: DynamicCache, shared: int, depths: Any
    ) -> Tensor:
        found = step(policy, nodes, branch_cache, shared, depths)
        tokens.extend(node.token for node in nodes)
        for node, probabilities in list(zip(nodes, found, strict=True))[:3]:
            path = [tokens[column - shared] for column in node.ancestors] + [node.token]
            whole = torch.tensor([[*ids.tolist(), *answer[:-1], *path]])
            logits = policy(input_ids=whole, pixel_values=pixels[:1]).logits[0, -1]
            logits[policy.config.image_token_id] = -torch.inf
            torch.testing.assert_close(
                probabilities.float(), logits.softmax(-1), atol=1e-6, rtol=1e-4
            )
            checked.append(len(path))
        return found

    tokens: list[int] = []
    monkeypatch.setattr(expectation, "_next_probabilities", compared)
    expected_score(
        windowed, tokenizer, NumberTokens(tokenizer), len(ids), answer, CacheRow(cache, 0),
        (0.0, 5.0), params=EXPECTATION.model_copy(update={"missing": 1e-5, "steps": 4}),
    )  # fmt: skip
    assert max(checked) > 2
