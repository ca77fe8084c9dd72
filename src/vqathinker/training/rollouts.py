"""Rollouts of a training batch: G on each clip, and others on perturbed copies of it.

Source: docs/method.md, sections 3.4 and 4. The frames of a clip are encoded once for all of its
rollouts and, with a frozen image encoder, for the training passes of the same step. A perturbed
copy is a list of indices into the encoded frames, so only its motion feature is pooled again. Raw
and perturbed rollouts are decoded in one batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vqathinker.policy.generation import EncodedPrompts, generate, uniform_numbers
from vqathinker.policy.inputs import FrameFeatures, encode_blank_frame, encode_frames
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.normalisation import normalise
from vqathinker.video.perturb import PerturbationTable
from vqathinker.video.store import ClipStore


@dataclass(frozen=True)
class Rollouts:
    """Token ids of completions: `group` consecutive ones per video, and `copies` perturbed ones."""

    raw: list[list[int]]
    perturbed: list[list[int]]


@dataclass
class RolloutSampler:
    """Lets a policy answer about clips.

    Args:
        ids: tokens (length,) of the prompt that every clip gets.
        end: the token that ends a completion.
        vision_frozen: whether the image encoder is; then a clip is encoded once a step.
        keep_encoded: whether encoded clips stay in memory from step to step, too.
        copies: perturbed copies of each clip, with one rollout each; 0 for none.
        top_k: how many of the likeliest tokens are drawn from; 0: the whole vocabulary.
    """

    clips: ClipStore
    ids: Tensor
    end: int
    group: int
    max_new_tokens: int
    temperature: float
    vision_frozen: bool
    keep_encoded: bool
    copies: int = 0
    perturbations: PerturbationTable | None = None
    top_k: int = 0
    _encoded: dict[str, FrameFeatures] = field(default_factory=dict)
    _shown: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    _blank: FrameFeatures | None = None

    def prompts(
        self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]
    ) -> EncodedPrompts:
        """The prompts of distinct videos, with what they show encoded, without gradient."""
        return self._features(policy, videos).prompts(policy, self.ids)

    @torch.no_grad()
    def show(self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]) -> None:
        """Make distinct `videos` those of this step without sampling, for `model_inputs`."""
        self._keep_shown(videos, self.prompts(policy, videos))

    def model_inputs(
        self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]
    ) -> dict[str, Tensor]:
        """What the policy's forward takes for videos that were sampled or shown in this step.

        Motion features always, for their encoder is frozen; frame features if the image encoder is,
        else pixels, so that it gets its gradient.
        """
        ids = self.ids.to(policy.device).expand(len(videos), -1)
        frames, motion = (
            torch.stack(part) for part in zip(*(self._shown[v] for v in videos), strict=True)
        )
        inputs = {"input_ids": ids, "motion_features": motion}
        if self.vision_frozen:
            return {**inputs, "frame_features": frames}
        return {**inputs, "pixel_values": self._pixels(policy, videos)}

    def sample(
        self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str], step: int,
        seed: int,
    ) -> Rollouts:  # fmt: skip
        """Roll out `group` completions for each of the distinct `videos`.

        Copy c of a video at `step` takes perturbation (step · copies + c) modulo those there are.
        What is drawn for a video depends on it, on `step` and on `seed` alone.
        """
        features = self._features(policy, videos)
        rows = torch.arange(len(videos), device=policy.device).repeat_interleave(self.group)
        parts = [features.prompts(policy, self.ids)]
        self._keep_shown(videos, parts[0])
        if self.perturbations is not None and self.copies:
            copies = self._perturbed_features(policy, videos, features, self.perturbations, step)
            parts.append(copies.prompts(policy, self.ids))
            number = len(videos) * (1 + self.copies)
            rows = torch.cat([rows, torch.arange(len(videos), number, device=policy.device)])
        done = generate(
            policy, EncodedPrompts.concatenate(parts), rows, self.max_new_tokens, self.end,
            self._draws(videos, step, seed), self.temperature, self.top_k,
        )  # fmt: skip
        number = len(videos) * self.group
        return Rollouts(done[:number], done[number:])

    def _keep_shown(self, videos: Sequence[str], prompts: EncodedPrompts) -> None:
        self._shown = dict(zip(videos, zip(*prompts[1:], strict=True), strict=True))

    def _draws(self, videos: Sequence[str], step: int, seed: int) -> Tensor:
        """For every completion of all videos, then for every one on a perturbed copy."""
        copies = self.copies if self.perturbations is not None else 0
        each = [
            uniform_numbers(seed, f"{step}/{video}", self.group + copies, self.max_new_tokens)
            for video in videos
        ]
        return torch.cat([part[: self.group] for part in each] + [p[self.group :] for p in each])

    def _features(
        self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]
    ) -> FrameFeatures:
        if not self.keep_encoded:
            return encode_frames(policy, self._pixels(policy, videos))
        new = [video for video in videos if video not in self._encoded]
        if new:
            fresh = encode_frames(policy, self._pixels(policy, new))
            self._encoded |= {
                v: FrameFeatures(*(part[i] for part in fresh)) for i, v in enumerate(new)
            }
        encoded = zip(*(self._encoded[video] for video in videos), strict=True)
        return FrameFeatures(*(torch.stack(part) for part in encoded))

    def _perturbed_features(
        self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str],
        features: FrameFeatures, table: PerturbationTable, step: int,
    ) -> FrameFeatures:  # fmt: skip
        numbers = range(step * self.copies, (step + 1) * self.copies)
        drawn = [[table.get(video, n % table.draws) for n in numbers] for video in videos]
        return features.perturbed(drawn, lambda: self._blank_frame(policy, videos[0]))

    def _blank_frame(self, policy: VQAThinkerForConditionalGeneration, like: str) -> FrameFeatures:
        """A blank frame: zero after normalisation, the mean colour."""
        if self._blank is None or not self.keep_encoded:
            self._blank = encode_blank_frame(policy, self._pixels(policy, [like]))
        return self._blank

    def _pixels(self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]) -> Tensor:
        return normalise(self.clips.batch(list(videos)).to(policy.device))
