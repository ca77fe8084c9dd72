"""Rollouts of a training batch: G on each clip, and as many on perturbed copies of it.

Source: docs/method.md, sections 3.4 and 4. A clip's frames are encoded once for all of its
rollouts; a perturbed copy is an index list into those encoded frames, so of its motion feature
only what lies between frames is computed anew. Raw and perturbed rollouts are decoded in one go.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from vqathinker.policy.generation import Prompts, generate
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.normalisation import normalise
from vqathinker.video.perturb import Perturbation

__all__ = ["Clips", "Perturbations", "RolloutWriter", "Rollouts"]


class Clips(Protocol):
    """Where stored clips come from: `ClipStore`, or a stand-in."""

    def batch(self, ids: Sequence[str]) -> Tensor:
        """Frames uint8 (clips, frames, 3, size, size)."""
        ...


class Perturbations(Protocol):
    """Where perturbations drawn ahead come from: `PerturbationTable`, or a stand-in."""

    draws: int

    def get(self, video: str, draw: int) -> Perturbation:
        """The `draw`-th perturbation of a video."""
        ...


@dataclass(frozen=True)
class Rollouts:
    """Token ids of completions: `group` consecutive ones per video, and `copies` perturbed ones."""

    raw: list[list[int]]
    perturbed: list[list[int]]


class Seen(NamedTuple):
    """What clips show, frame by frame (clips, frames, …): any order of frames can be made of it.

    `features` are of the image encoder, `looks` of the motion encoder.
    """

    features: Tensor
    looks: Tensor


@dataclass
class RolloutWriter:
    """Lets a policy answer about clips.

    Args:
        ids: tokens (length,) of the prompt that every clip gets.
        end: the token that ends a completion.
        keep: whether encoded clips stay in memory from step to step (frozen image encoder).
        copies: perturbed copies of each clip, with one rollout each; 0 for none.
    """

    clips: Clips
    ids: Tensor
    end: int
    group: int
    max_new_tokens: int
    temperature: float
    keep: bool
    copies: int = 0
    perturbations: Perturbations | None = None
    _kept: dict[str, Seen] = field(default_factory=dict)
    _nothing: Seen | None = None

    def prompts(self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]) -> Prompts:
        """The prompts of distinct videos, with what they show encoded, without gradient."""
        return self._prompts(policy, self._see(policy, videos))

    def shown(
        self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]
    ) -> dict[str, Tensor]:
        """What the policy's forward takes: pixels, unless the image encoder is frozen."""
        if self.keep:
            return self.prompts(policy, videos)._asdict()
        ids = self.ids.to(policy.device).expand(len(videos), -1)
        return {"input_ids": ids, "pixel_values": self._pixels(policy, videos)}

    def write(
        self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str], step: int,
        generator: torch.Generator,
    ) -> Rollouts:  # fmt: skip
        """Roll out `group` completions for each of the distinct `videos`.

        Copy c of a video at `step` takes draw (step · copies + c) modulo the draws there are.
        """
        seen = self._see(policy, videos)
        rows = torch.arange(len(videos), device=policy.device).repeat_interleave(self.group)
        parts = [self._prompts(policy, seen)]
        if self.perturbations is not None and self.copies:
            copies = self._perturbed(policy, videos, seen, self.perturbations, step)
            parts.append(self._prompts(policy, copies))
            number = len(videos) * (1 + self.copies)
            rows = torch.cat([rows, torch.arange(len(videos), number, device=policy.device)])
        done = generate(
            policy, Prompts.concatenate(parts), rows, self.max_new_tokens, self.end,
            self.temperature, generator,
        )  # fmt: skip
        number = len(videos) * self.group
        return Rollouts(done[:number], done[number:])

    def _see(self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]) -> Seen:
        if not self.keep:
            return _see_frames(policy, self._pixels(policy, videos))
        new = [video for video in videos if video not in self._kept]
        if new:
            fresh = _see_frames(policy, self._pixels(policy, new))
            self._kept |= {v: Seen(*(part[i] for part in fresh)) for i, v in enumerate(new)}
        kept = zip(*(self._kept[video] for video in videos), strict=True)
        return Seen(*(torch.stack(part) for part in kept))

    def _prompts(self, policy: VQAThinkerForConditionalGeneration, seen: Seen) -> Prompts:
        ids = self.ids.to(policy.device).expand(len(seen.features), -1)
        return Prompts(ids, seen.features, policy.model.motion_encoder.over_time(seen.looks))

    def _perturbed(
        self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str], seen: Seen,
        table: Perturbations, step: int,
    ) -> Seen:  # fmt: skip
        drawn = [
            table.get(video, (step * self.copies + copy) % table.draws)
            for video in videos
            for copy in range(self.copies)
        ]
        order = torch.tensor([p.indices for p in drawn], device=policy.device)
        blank = torch.tensor([p.blank for p in drawn], device=policy.device)
        which = torch.arange(len(videos), device=policy.device).repeat_interleave(self.copies)
        copies = Seen(*(part[which[:, None], order] for part in seen))
        if bool(blank.any()):
            for part, nothing in zip(copies, self._see_nothing(policy, videos[0]), strict=True):
                part[blank] = nothing
        return copies

    def _see_nothing(self, policy: VQAThinkerForConditionalGeneration, like: str) -> Seen:
        """A blank frame: zero after normalisation, the mean colour."""
        if self._nothing is None or not self.keep:
            pixels = torch.zeros_like(self._pixels(policy, [like])[:, :1])
            self._nothing = Seen(*(part[0, 0] for part in _see_frames(policy, pixels)))
        return self._nothing

    def _pixels(self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]) -> Tensor:
        return normalise(self.clips.batch(list(videos)).to(policy.device))


@torch.no_grad()
def _see_frames(policy: VQAThinkerForConditionalGeneration, pixels: Tensor) -> Seen:
    return Seen(policy.model.encode_frames(pixels), policy.model.motion_encoder.look(pixels))
