"""Rollouts of a training batch: G per clip, and more on perturbed copies of it.

The frames of a clip are encoded once for all of its rollouts and, with a frozen image encoder, for
the training passes of the same step. A perturbed copy is a list of indices into the encoded frames,
so only its motion feature is computed again. Raw and perturbed rollouts are decoded in one batch.

Source: docs/method.md, sections 3.4 and 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vqathinker.policy.config import normalise
from vqathinker.policy.generation import EncodedPrompts, Sampling, generate, uniform_numbers
from vqathinker.policy.inputs import FrameFeatures, encode_blank_frame, encode_frames
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.video.perturb import PerturbationTable
from vqathinker.video.store import ClipStore


@dataclass(frozen=True)
class Rollouts:
    """Token ids of completions; those of a video are consecutive."""

    raw: list[list[int]]  # (videos · group_size)
    perturbed: list[list[int]]  # (videos · perturbed_rollouts)


@dataclass
class RolloutSampler:
    """Samples rollouts of a policy, and provides the encoded clips of a step.

    Args:
        prompt_ids: tokens (length,) of the prompt, the same for all clips.
        end_token: ends a completion.
        vision_frozen: whether the image encoder is frozen.
        keep_encoded: keep encoded clips in memory from step to step.
        perturbed_rollouts: perturbed copies of each clip, with one rollout each.
        top_k: number of likeliest tokens to sample from; 0: the whole vocabulary.
    """

    clips: ClipStore
    prompt_ids: Tensor
    end_token: int
    group_size: int
    max_new_tokens: int
    temperature: float
    vision_frozen: bool
    keep_encoded: bool
    perturbed_rollouts: int = 0
    perturbations: PerturbationTable | None = None
    top_k: int = 0
    _clip_features: dict[str, FrameFeatures] = field(default_factory=dict)  # with keep_encoded
    _step_features: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def encode_prompts(
        self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]
    ) -> EncodedPrompts:
        """The encoded prompts of distinct videos, without gradient."""
        return self._frame_features(policy, videos).prompts(policy, self.prompt_ids)

    @torch.no_grad()
    def encode_step(
        self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]
    ) -> None:
        """Encode the distinct videos of a step for `model_inputs`, without sampling."""
        prompts = self.encode_prompts(policy, videos)
        self._step_features = dict(zip(videos, zip(*prompts[1:], strict=True), strict=True))

    def model_inputs(
        self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]
    ) -> dict[str, Tensor]:
        """Inputs of the policy's forward for videos of this step."""
        ids = self.prompt_ids.to(policy.device).expand(len(videos), -1)
        frames, motion = (
            torch.stack(part)
            for part in zip(*(self._step_features[v] for v in videos), strict=True)
        )
        inputs = {"input_ids": ids, "motion_features": motion}
        if self.vision_frozen:
            return {**inputs, "frame_features": frames}
        # The image encoder needs pixels to get its gradient.
        pixels = self.clips.batch(list(videos)).pixels.to(policy.device)
        return {**inputs, "pixel_values": normalise(pixels)}

    def sample(
        self,
        policy: VQAThinkerForConditionalGeneration,
        videos: Sequence[str],
        step: int,
        seed: int,
    ) -> Rollouts:
        """Sample `group_size` completions for each of the distinct `videos`.

        Copy c of a video at `step` takes perturbation (step · perturbed_rollouts + c) modulo their
        number. The completions of a video depend on the policy, the video, `step` and `seed` only.
        """
        features = self._frame_features(policy, videos)
        raw, number = features.prompts(policy, self.prompt_ids), len(videos) * self.group_size
        self._step_features = dict(zip(videos, zip(*raw[1:], strict=True), strict=True))
        rows = torch.arange(len(videos)).repeat_interleave(self.group_size)
        parts, table, copies = [raw], self.perturbations, self.perturbed_rollouts
        if table is not None and copies:
            draws = range(step * copies, (step + 1) * copies)
            perturbations = [[table.get(video, n % table.draws) for n in draws] for video in videos]
            perturbed = features.perturb(
                perturbations, lambda: encode_blank_frame(policy, self.clips.batch(videos[:1]))
            )
            parts.append(perturbed.prompts(policy, self.prompt_ids))
            rows = torch.cat([rows, torch.arange(len(videos), len(videos) * (1 + copies))])
        completions = generate(
            policy,
            EncodedPrompts.concatenate(parts),
            rows.to(policy.device),
            self.max_new_tokens,
            self.end_token,
            Sampling(self._uniform_numbers(videos, step, seed), self.temperature, self.top_k),
        ).ids
        return Rollouts(completions[:number], completions[number:])

    def _uniform_numbers(self, videos: Sequence[str], step: int, seed: int) -> Tensor:
        """(completions, max_new_tokens), first of the raw completions of all videos."""
        copies = self.perturbed_rollouts if self.perturbations is not None else 0
        group, tokens = self.group_size, self.max_new_tokens
        each = [
            uniform_numbers(seed, f"{step}/{video}", group + copies, tokens) for video in videos
        ]
        return torch.cat([part[:group] for part in each] + [part[group:] for part in each])

    def _frame_features(
        self, policy: VQAThinkerForConditionalGeneration, videos: Sequence[str]
    ) -> FrameFeatures:
        if not self.keep_encoded:
            return encode_frames(policy, self.clips.batch(videos))
        for video in videos:
            if video not in self._clip_features:
                # One at a time: rounding depends on the size of a batch, and after a resumption
                # other clips are in memory than in an uninterrupted run.
                encoded = encode_frames(policy, self.clips.batch([video]))
                self._clip_features[video] = FrameFeatures(*(part[0] for part in encoded))
        kept = zip(*(self._clip_features[video] for video in videos), strict=True)
        return FrameFeatures(*(torch.stack(part) for part in kept))
