"""Rollouts of a training batch: G on each clip, and as many on perturbed copies of it.

Source: paper/METHOD.md, sections 3.4 and 4. A clip's frames are encoded once for all of its
rollouts; a perturbed copy is an index list into those encoded frames, so only its motion feature
is computed anew. Raw and perturbed rollouts are decoded in one go.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from vqathinker.policy.generation import Prompts, generate
from vqathinker.policy.inputs import encode, normalise
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
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


@dataclass
class RolloutWriter:
    """Lets a policy answer about clips.

    Args:
        ids: tokens (length,) of the prompt that every clip gets.
        end: the token that ends a completion.
        keep: whether encoded frames may be kept from step to step (frozen image encoder).
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
    _kept: dict[str, Prompts] = field(default_factory=dict)
    _blank: Tensor | None = None

    def prompts(self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]) -> Prompts:
        """The prompts of distinct videos, with what they show encoded, without gradient."""
        if not self.keep:
            return encode(policy, self.ids, self._pixels(policy, videos))
        new = [video for video in videos if video not in self._kept]
        if new:
            fresh = encode(policy, self.ids, self._pixels(policy, new))
            for i, video in enumerate(new):
                self._kept[video] = Prompts(*(part[i : i + 1] for part in fresh))
        return Prompts.concatenate([self._kept[video] for video in videos])

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
        raw = self.prompts(policy, videos)
        rows = torch.arange(len(videos), device=policy.device).repeat_interleave(self.group)
        parts = [raw]
        if self.perturbations is not None and self.copies:
            parts.append(self._perturbed(policy, videos, raw, self.perturbations, step))
            number = len(videos) * (1 + self.copies)
            rows = torch.cat([rows, torch.arange(len(videos), number, device=policy.device)])
        done = generate(
            policy, Prompts.concatenate(parts), rows, self.max_new_tokens, self.end,
            self.temperature, generator,
        )  # fmt: skip
        number = len(videos) * self.group
        return Rollouts(done[:number], done[number:])

    def _perturbed(
        self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str], raw: Prompts,
        table: Perturbations, step: int,
    ) -> Prompts:  # fmt: skip
        drawn = [
            table.get(video, (step * self.copies + copy) % table.draws)
            for video in videos
            for copy in range(self.copies)
        ]
        order = torch.tensor([p.indices for p in drawn], device=policy.device)
        blank = torch.tensor([p.blank for p in drawn], device=policy.device)
        which = torch.arange(len(videos), device=policy.device).repeat_interleave(self.copies)
        pixels = self._pixels(policy, videos)[which[:, None], order]
        pixels[blank] = 0.0  # zero after normalisation: the mean colour
        features = raw.frame_features[which[:, None], order]
        if bool(blank.any()):
            features[blank] = self._blank_features(policy, pixels)
        motion = policy.model.motion_encoder(pixels)
        return Prompts(raw.input_ids[which], features, motion)

    def _blank_features(self, policy: VQAThinkerForConditionalGeneration, like: Tensor) -> Tensor:
        if self._blank is None or not self.keep:
            with torch.no_grad():
                self._blank = policy.model.encode_frames(torch.zeros_like(like[:1, :1]))[0, 0]
        return self._blank

    def _pixels(self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]) -> Tensor:
        return normalise(self.clips.batch(list(videos)).to(policy.device))
