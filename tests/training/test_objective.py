"""The gradient of a step equals that of docs/formulas.md, computed independently."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from tests.training.conftest import Settings, by_whole_forwards
from torch import Tensor

from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.training.resumable import ResumableTrainer
from vqathinker.training.trainer import VQAThinkerTrainer


class Step(NamedTuple):
    """The input and the gradient of an optimiser step."""

    weights: dict[str, Tensor]
    inputs: dict[str, Any]
    videos: list[str]
    gradient: dict[str, Tensor]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """The steps of a run with one device batch each."""
    done: list[Step] = []
    pending: list[tuple[dict[str, Tensor], dict[str, Any], list[str]]] = []
    loss, norm = VQAThinkerTrainer._compute_loss, ResumableTrainer._get_grad_norm

    def compute_loss(self: Any, model: Any, inputs: dict[str, Any]) -> Tensor:
        weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
        pending.append((weights, inputs, [self._videos[clip] for clip in inputs["clip"]]))
        return loss(self, model, inputs)

    def get_grad_norm(self: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        gradient = {
            name: weight.grad.clone()
            for name, weight in model.named_parameters()
            if weight.grad is not None
        }
        done.append(Step(*pending.pop(), gradient))
        return norm(self, model, *args, **kwargs)

    monkeypatch.setattr(VQAThinkerTrainer, "_compute_loss", compute_loss)
    monkeypatch.setattr(ResumableTrainer, "_get_grad_norm", get_grad_norm)
    return done


def log_probs(policy: VQAThinkerForConditionalGeneration, clips: Path, step: Step) -> Tensor:
    """Log-probabilities (completions, tokens) of the completions."""
    completions = step.inputs["completion_ids"]
    ids = torch.cat([step.inputs["prompt_ids"], completions], dim=1)
    every = by_whole_forwards(policy, clips, step.videos, ids, completions.shape[1])
    return every.gather(-1, completions[..., None])[..., 0]


def loss_by_hand(
    policy: Tensor, reference: Tensor, step: Step, beta: float, estimator: str
) -> Tensor:
    """The mean over completions of the mean over their tokens, with one inner iteration."""
    ratio = (policy - policy.detach()).exp()
    kl = (reference - policy).exp() - (reference - policy) - 1
    if estimator == "unbiased":
        kl = kl * ratio
    each = -ratio * step.inputs["advantages"][:, None] + beta * kl
    mask = step.inputs["completion_mask"]
    return ((each * mask).sum(1) / mask.sum(1)).mean()


@pytest.mark.parametrize("estimator", ["k3", "unbiased"])
def test_gradient_follows_the_kl_estimator(
    tmp_path: Path, training_set: Any, settings_of: Settings, steps: list[Step],
    estimator: str,
) -> None:  # fmt: skip
    settings = settings_of(
        seed=1,
        max_steps=2,
        learning_rate=0.02,
        beta=2.0,
        max_grad_norm=1e9,
        kl_estimator=estimator,
    )
    training_set.start(settings, tmp_path)
    step = steps[1]  # the first one starts at the reference
    policy = load_policy(training_set.folder / "base").model.eval()
    with torch.no_grad():
        reference = log_probs(policy, training_set.clips, step)
    policy.load_state_dict(step.weights)
    wanted = {}
    for name in ("k3", "unbiased"):
        policy.zero_grad()
        completions = log_probs(policy, training_set.clips, step)
        loss_by_hand(completions, reference, step, 2.0, name).backward()
        wanted[name] = {
            key: weight.grad for key, weight in policy.named_parameters() if key in step.gradient
        }
    other = "k3" if estimator == "unbiased" else "unbiased"
    apart = distance(wanted[estimator], wanted[other])
    assert apart > 0.1  # the estimators differ here
    assert distance(step.gradient, wanted[estimator]) < 1e-3


def distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Relative to the norm of `other`."""
    apart = sum(float((one[name] - other[name]).square().sum()) for name in other)
    return (apart / sum(float(value.square().sum()) for value in other.values())) ** 0.5
