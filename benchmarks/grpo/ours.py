"""A step as this project does it: clips encoded once, prompts read once, no logits of prompts."""

import torch
from torch import Tensor

from grpo.lengths import forced_lengths
from grpo.step import END, Policy, Setup, padded
from vqathinker.training.rollouts import RolloutSampler


def rollout(setup: Setup) -> list[list[int]]:
    """Completions of the clips, raw and perturbed ones made in one batch; the raw ones."""
    with setup.clock("inputs"):
        sampler = _sampler(setup)
    setup.clock.watch(sampler, "_pixels", lambda *_: "inputs")
    lengths = torch.cat(setup.lengths())
    generator = torch.Generator(setup.device).manual_seed(0)
    with setup.clock("decode"), forced_lengths(setup.policy.lm_head, lengths, END):
        return sampler.sample(setup.policy, setup.clips.ids, 0, generator).raw


def log_probs(setup: Setup, policy: Policy, completions: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Log-probabilities of completion tokens, and their mask; as `VQAThinkerTrainer` has them."""
    ids, mask = padded(completions, setup.device)
    inputs = _sampler(setup).model_inputs(policy, setup.clips.ids)
    rows = torch.arange(setup.shape.videos, device=setup.device)
    rows = rows.repeat_interleave(setup.shape.group)
    logits = policy(**inputs, completion_ids=ids, rows=rows).logits
    scores = logits.float().log_softmax(-1)
    return scores.gather(-1, ids[..., None])[..., 0], mask


def _sampler(setup: Setup) -> RolloutSampler:
    return RolloutSampler(
        clips=setup.clips, ids=setup.shape.prompt(), end=END, group=setup.shape.group,
        max_new_tokens=setup.shape.lengths[1], temperature=1.0, keep_encoded=False,
        copies=setup.copies, perturbations=setup.perturbations,
    )  # fmt: skip
