"""Which rows log-probabilities take: decided from the configuration, then checked on one group."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from vqathinker.policy.head import CompletionScores
from vqathinker.training.log_probs import RolloutScorer

LENGTHS = torch.tensor([2, 3, 9, 1, 4, 4])


class Model:
    """Packed scores are off from the plain ones for completions of more than five tokens."""

    def __init__(self, **text: Any) -> None:
        self.config = SimpleNamespace(text_config=SimpleNamespace(**text))
        self.calls: list[tuple[bool, list[int]]] = []

    def __call__(self, *, lengths: Tensor, packed: bool, **_: Any) -> CompletionScores:
        self.calls.append((packed, lengths.tolist()))
        off = (lengths > 5) & torch.tensor(packed)
        return CompletionScores(off[:, None].float(), off[:, None].float())


class Accelerator:
    mixed_precision = "no"

    def unwrap_model(self, model: Any) -> Any:
        return model

    def gather(self, value: Tensor) -> Tensor:
        return value

    def autocast(self) -> Any:
        return torch.no_grad()


def score(model: Model) -> RolloutScorer:
    sampler: Any = SimpleNamespace(group=2, model_inputs=lambda *_: {})
    scorer = RolloutScorer(Accelerator(), sampler, ["a", "b", "c"], 1.0)  # type: ignore[arg-type]
    clips = torch.tensor([0, 0, 1, 1, 2, 2])
    scorer.score(model, clips, torch.zeros((6, 9), dtype=torch.long), LENGTHS, 6)
    return scorer


def test_the_group_with_the_longest_completion_is_compared(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = Model(layer_types=["full_attention"])
    assert score(model).packed is False
    assert model.calls[:2] == [(True, [9, 1]), (False, [9, 1])]
    assert "plain rows" in caplog.text


def test_a_sliding_window_takes_plain_rows_from_the_start() -> None:
    model = Model(layer_types=["full_attention", "sliding_attention"])
    assert score(model).packed is False
    assert model.calls == [(False, LENGTHS.tolist())]
