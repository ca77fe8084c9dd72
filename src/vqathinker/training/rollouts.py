"""Rollouts of a training batch: G per clip, and more on perturbed copies of it.

Source: docs/method.md, sections 3.4 and 4. The frames of a clip are encoded once for all of its
rollouts and, with a frozen image encoder, for the training passes of the same step. A perturbed
copy is a list of indices into the encoded frames, so only its motion feature is pooled again. Raw
and perturbed rollouts are decoded in one batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vqathinker.policy.config import normalise
from vqathinker.policy.generation import EncodedPrompts, generate, uniform_numbers
from vqathinker.policy.inputs import FrameFeatures, encode_blank_frame, encode_frames
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.video.perturb import PerturbationTable
from vqathinker.video.store import ClipStore


@dataclass(frozen=True)
class Rollouts:
    """Token ids of completions: `group` consecutive ones per video, and `copies` perturbed ones."""

    raw: list[list[int]]
    perturbed: list[list[int]]


@dataclass
class RolloutSampler:
    """Samples rollouts of a policy on clips.

    Args:
        ids: tokens (length,) of the prompt that every clip gets.
        end: the token that ends a completion.
        vision_frozen: whether the image encoder is frozen; then a clip is encoded once a step.
        keep_encoded: whether encoded clips stay in memory from step to step.
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
    _clip_features: dict[str, FrameFeatures] = field(default_factory=dict)
    _step_features: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    _blank: FrameFeatures | None = None

    def prompts(
        self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]
    ) -> EncodedPrompts:
        """The encoded prompts of distinct videos, without gradient."""
        return self._features(policy, videos).prompts(policy, self.ids)

    @torch.no_grad()
    def show(self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]) -> None:
        """Encode the distinct `videos` of a step without sampling, for `model_inputs`."""
        prompts = self.prompts(policy, videos)
        self._step_features = dict(zip(videos, zip(*prompts[1:], strict=True), strict=True))

    def model_inputs(
        self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]
    ) -> dict[str, Tensor]:
        """Inputs of the policy's forward for videos that were sampled or shown in this step.

        Frame features if the image encoder is frozen, else pixels, so that it gets its gradient.
        """
        ids = self.ids.to(policy.device).expand(len(videos), -1)
        frames, motion = (
            torch.stack(part)
            for part in zip(*(self._step_features[v] for v in videos), strict=True)
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
        The draws for a video depend on the video, `step` and `seed` only.
        """
        features = self._features(policy, videos)
        raw, number = features.prompts(policy, self.ids), len(videos) * self.group
        self._step_features = dict(zip(videos, zip(*raw[1:], strict=True), strict=True))
        rows = torch.arange(len(videos)).repeat_interleave(self.group)
        parts, table = [raw], self.perturbations
        if table is not None and self.copies:
            draws = range(step * self.copies, (step + 1) * self.copies)
            drawn = [[table.get(video, n % table.draws) for n in draws] for video in videos]
            copies = features.perturbed(drawn, lambda: self._blank_frame(policy, videos[0]))
            parts.append(copies.prompts(policy, self.ids))
            rows = torch.cat([rows, torch.arange(len(videos), len(videos) * (1 + self.copies))])
        done = generate(
            policy, EncodedPrompts.concatenate(parts), rows.to(policy.device), self.max_new_tokens,
            self.end, self._draws(videos, step, seed), self.temperature, self.top_k,
        )  # fmt: skip
        return Rollouts(done[:number], done[number:])

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
        for video in videos:
            if video not in self._clip_features:
                # One at a time: rounding depends on the size of a batch, and after a resumption
                # other clips are in memory than in a run that was not interrupted.
                fresh = encode_frames(policy, self._pixels(policy, [video]))
                self._clip_features[video] = FrameFeatures(*(part[0] for part in fresh))
        encoded = zip(*(self._clip_features[video] for video in videos), strict=True)
        return FrameFeatures(*(torch.stack(part) for part in encoded))

    def _blank_frame(self, policy: VQAThinkerForConditionalGeneration, like: str) -> FrameFeatures:
        """A blank frame: zero after normalisation, the mean colour."""
        if self._blank is None or not self.keep_encoded:
            self._blank = encode_blank_frame(policy, self._pixels(policy, [like]))
        return self._blank

    def _pixels(self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]) -> Tensor:
        return normalise(self.clips.batch(list(videos)).to(policy.device))
