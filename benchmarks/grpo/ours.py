"""A step as this project does it: clips encoded once, prompts read once, no logits of prompts."""

import torch
from torch import Tensor

from grpo.lengths import forced_lengths
from grpo.step import END, Policy, Setup, padded
from vqathinker.training.rollouts import RolloutSampler


def rollout(setup: Setup) -> list[list[int]]:
    """Completions of the clips, raw and perturbed ones made in one batch; the raw ones."""
    with setup.clock("inputs"):
        sampler = setup.sampler = _sampler(setup)
    setup.clock.watch(sampler, "_pixels", lambda *_: "inputs")
    lengths = torch.cat(setup.lengths())
    with setup.clock("decode"), forced_lengths(setup.policy.lm_head, lengths, END):
        return sampler.sample(setup.policy, setup.clips.ids, 0, 0).raw


def log_probs(setup: Setup, policy: Policy, completions: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Log-probabilities of completion tokens, and their mask; as `VQAThinkerTrainer` has them."""
    ids, mask = padded(completions, setup.device)
    if setup.sampler is None:  # of given completions
        setup.sampler = _sampler(setup)
        setup.sampler.show(policy, setup.clips.ids)
    inputs = setup.sampler.model_inputs(policy, setup.clips.ids)
    rows = torch.arange(setup.shape.videos, device=setup.device)
    rows = rows.repeat_interleave(setup.shape.group)
    lengths = mask.sum(1).long()
    scores = policy(**inputs, completion_ids=ids, lengths=lengths, rows=rows)
    return scores.log_probs, mask


def _sampler(setup: Setup) -> RolloutSampler:
    return RolloutSampler(
        clips=setup.clips, ids=setup.shape.prompt(), end=END, group=setup.shape.group,
        max_new_tokens=setup.shape.lengths[1], temperature=1.0, vision_frozen=False,
        keep_encoded=False, copies=setup.copies, perturbations=setup.perturbations,
    )  # fmt: skip
