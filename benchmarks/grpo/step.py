"""Input of all variants of a step, and what they share: loss, backward, optimiser.

The loss is that of GRPO with beta 0.04 and one inner iteration, with gradient checkpointing.
Rewards are random, because computing them takes no time compared with the rest.

Source: docs/method.md, section 5.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn

from grpo.measure import PhaseClock, TokenCounter
from grpo.shapes import Shape, build
from vqathinker.choices import PerturbationKind
from vqathinker.params import PerturbationParams
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.training.rollouts import RolloutSampler
from vqathinker.video.perturb import KINDS, Perturbation, draw_perturbation
from vqathinker.video.store import ClipStore

Policy = VQAThinkerForConditionalGeneration

END = 1  # the token that ends a completion
PERTURBATIONS = PerturbationParams(
    kinds=[*get_args(PerturbationKind)], draws=1, window=4, jitter=1, duplicate_max=3, drop_max=3
)
BETA, CLIP, RATE = 0.04, 0.2, 1e-6


class RandomPerturbations:
    """Random perturbations with the interface of `PerturbationTable`."""

    def __init__(self, frames: int, draws: int) -> None:
        self.draws = draws
        rng = np.random.default_rng(0)
        self._perturbations = [
            draw_perturbation(frames, rng, KINDS, PERTURBATIONS) for _ in range(draws)
        ]

    def get(self, video: str, draw: int) -> Perturbation:
        """The `draw`-th perturbation, the same for each video."""
        del video
        return self._perturbations[draw]


@dataclass
class Setup:
    """Policy, reference, clips and lengths of completions of a step."""

    shape: Shape
    device: torch.device
    clock: PhaseClock
    counter: TokenCounter
    clips: ClipStore
    temporal: bool
    policy: Policy
    reference: Policy
    optimiser: torch.optim.Optimizer
    sampler: RolloutSampler | None = None  # of our variant

    @property
    def copies(self) -> int:
        """Number of perturbed rollouts per video."""
        return self.shape.group if self.temporal else 0

    @property
    def perturbations(self) -> RandomPerturbations:
        """One perturbation per perturbed rollout."""
        return RandomPerturbations(self.shape.clip.frames, max(1, self.copies))

    def lengths(self) -> tuple[Tensor, Tensor]:
        """Lengths of raw (videos x group,) and of perturbed completions (videos x copies,)."""
        videos = self.shape.videos
        raw = self.shape.drawn_lengths(videos * self.shape.group, seed=0)
        return raw, self.shape.drawn_lengths(videos * self.copies, seed=1)


def prepare(
    shape: Shape, device: torch.device, clips: ClipStore, temporal: bool, optimiser: str
) -> Setup:
    """A policy in training with gradient checkpointing, and the frozen reference."""
    policy = build(Policy, shape.config, device)
    reference = build(Policy, shape.config, device).eval().requires_grad_(False)
    policy.activation_checkpointing_enable()
    clock = PhaseClock(device)
    body = policy.model
    encoders = [(body, "encode_frames"), (body.motion_encoder, "forward")]
    encoders += [(body.motion_encoder, name) for name in ("encode_frames", "pool_frames")]
    clock.watch_rollouts(body, encoders)
    counter = TokenCounter((policy, reference), clock, len(shape.prompt()), shape.visual)
    weights = [weight for weight in policy.parameters() if weight.requires_grad]
    kind = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[optimiser]
    update = kind(weights, lr=RATE)
    policy.train()
    return Setup(shape, device, clock, counter, clips, temporal, policy, reference, update)


def run_step(
    setup: Setup,
    rollout: Callable[[Setup], Any],
    log_probs: Callable[[Setup, Policy, Any], tuple[Tensor, Tensor]],
) -> None:
    """Run a step: `rollout` samples completions, `log_probs` returns their scores and mask."""
    clock = setup.clock
    completions = rollout(setup)
    setup.policy.train()
    with clock("reference"), torch.no_grad():
        before, _ = log_probs(setup, setup.reference, completions)
    with clock("forward"):
        now, mask = log_probs(setup, setup.policy, completions)
        loss = grpo_loss(now, before, mask, setup.shape.group)
    with clock("backward"):
        loss.backward()
    with clock("optimiser"):
        nn.utils.clip_grad_norm_(setup.policy.parameters(), 1.0)
        setup.optimiser.step()
        setup.optimiser.zero_grad()


def grpo_loss(now: Tensor, before: Tensor, mask: Tensor, group: int) -> Tensor:
    """The loss with random rewards, from log-probabilities (rows, tokens) of policy and reference.

    Args:
        mask: 0 for padding.
        group: completions per video, which are consecutive.
    """
    generator = torch.Generator().manual_seed(2)
    rewards = torch.rand(len(now) // group, group, generator=generator).to(now)
    deviation = rewards.std(1, keepdim=True) + 1e-4
    advantages = ((rewards - rewards.mean(1, keepdim=True)) / deviation).reshape(-1, 1)
    ratio = (now - now.detach()).exp()
    gain = torch.minimum(ratio * advantages, ratio.clamp(1 - CLIP, 1 + CLIP) * advantages)
    divergence = (before - now).exp() - (before - now) - 1
    per_token = (BETA * divergence - gain) * mask
    return (per_token.sum(1) / mask.sum(1)).mean()


def padded(completions: list[list[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids (rows, tokens) padded on the right with 0, and their mask."""
    rows = [torch.tensor(ids, device=device) for ids in completions]
    ids = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    return ids, (torch.arange(ids.shape[1], device=device) < lengths[:, None]).float()
