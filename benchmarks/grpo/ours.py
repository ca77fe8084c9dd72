"""Our step: clips are encoded once, prompts are computed once and have no logits."""

import torch
from torch import Tensor

from grpo.lengths import forced_lengths
from grpo.step import END, Policy, Setup, padded
from vqathinker.training.rollouts import RolloutSampler


def rollout(setup: Setup) -> list[list[int]]:
    """Sample raw and perturbed completions in one batch; return the raw ones."""
    with setup.clock("inputs"):
        sampler = setup.sampler = _sampler(setup)
    for method in ("_frame_features", "model_inputs"):  # they load pixels
        setup.clock.watch(sampler, method, lambda *_: "inputs")
    lengths = torch.cat(setup.lengths())
    with setup.clock("decode"), forced_lengths(setup.policy.lm_head, lengths, END):
        return sampler.sample(setup.policy, setup.clips.ids, 0, 0).raw


def log_probs(setup: Setup, policy: Policy, completions: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Log-probabilities of completion tokens and their mask, as in `VQAThinkerTrainer`."""
    ids, mask = padded(completions, setup.device)
    if setup.sampler is None:  # without rollouts
        setup.sampler = _sampler(setup)
        setup.sampler.encode_step(policy, setup.clips.ids)
    inputs = setup.sampler.model_inputs(policy, setup.clips.ids)
    rows = torch.arange(setup.shape.videos, device=setup.device)
    rows = rows.repeat_interleave(setup.shape.group)
    lengths = mask.sum(1).long()
    scores = policy(**inputs, completion_ids=ids, lengths=lengths, rows=rows)
    return scores.log_probs, mask


def _sampler(setup: Setup) -> RolloutSampler:
    return RolloutSampler(
        clips=setup.clips, prompt_ids=setup.shape.prompt(), end_token=END,
        group_size=setup.shape.group, max_new_tokens=setup.shape.lengths[1], temperature=1.0,
        vision_frozen=False, keep_encoded=False, perturbed_rollouts=setup.copies,
        perturbations=setup.perturbations,
    )  # fmt: skip
