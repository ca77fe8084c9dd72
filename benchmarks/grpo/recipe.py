"""A step as in the authors' code, on the same policy.

Every rollout, raw or perturbed, is a row of its own: its clip is loaded, normalised and encoded
separately, and its whole prompt is computed, in transformers' `generate` with a growing cache and
again in each pass for log-probabilities, which computes logits of prompt and completion.

Source: docs/method.md, sections 3.4, 5 and 9; the authors' GRPO trainer at ee47a40.

Departures, all in favour of the authors' code:
1. They decode clips from video; here they are read from the store.
2. Padding is on the right and needs no mask, as in the flash attention that they use.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from grpo.lengths import forced_lengths
from grpo.step import END, Policy, Setup, padded
from vqathinker.policy.config import normalise


class RecipeRollouts(NamedTuple):
    """Raw completions and their pixels (rows, frames, 3, size, size)."""

    completions: list[list[int]]
    pixels: Tensor


def rollout(setup: Setup) -> RecipeRollouts:
    """Sample raw completions, then those of perturbed copies, which are not trained on."""
    raw, perturbed = setup.lengths()
    with setup.clock("inputs"):
        pixels = _pixels(setup, setup.shape.group, perturb=False)
    rollouts = RecipeRollouts(_generate(setup, pixels, raw), pixels)
    if setup.temporal:
        with setup.clock("inputs"):
            copies = _pixels(setup, setup.copies, perturb=True)
        _generate(setup, copies, perturbed)
    return rollouts


def log_probs(setup: Setup, policy: Policy, rollouts: RecipeRollouts) -> tuple[Tensor, Tensor]:
    """Log-probabilities of completion tokens and their mask, from logits of all tokens."""
    ids, mask = padded(rollouts.completions, setup.device)
    prompts = setup.shape.prompt().to(setup.device).expand(len(ids), -1)
    whole = torch.cat([prompts, ids], dim=1)
    logits = policy(input_ids=whole, pixel_values=rollouts.pixels, use_cache=False).logits[:, :-1]
    logits[..., policy.config.image_token_id] = -torch.inf  # as in sampling
    scores = [
        row.log_softmax(-1).gather(-1, following[:, None])[:, 0]
        for row, following in zip(logits, whole[:, 1:], strict=True)
    ]
    return torch.stack(scores)[:, prompts.shape[1] - 1 :].float(), mask


def _pixels(setup: Setup, rollouts: int, perturb: bool) -> Tensor:
    """Normalised frames, loaded separately for each rollout of each video."""
    rows = []
    for video in setup.clips.ids:
        for number in range(rollouts):
            frames = normalise(setup.clips.frames(video).to(setup.device))
            if perturb:
                drawn = setup.perturbations.get(video, number)
                frames = frames[list(drawn.indices)]
                frames[torch.tensor(drawn.blank)] = 0
            rows.append(frames)
    return torch.stack(rows)


@torch.no_grad()
def _generate(setup: Setup, pixels: Tensor, lengths: Tensor) -> list[list[int]]:
    policy = setup.policy.eval()
    ids = setup.shape.prompt().to(setup.device).expand(len(pixels), -1)
    with setup.clock("decode"), forced_lengths(policy.lm_head, lengths, END):
        out = policy.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids),
            frame_features=policy.model.encode_frames(pixels),
            motion_features=policy.model.motion_encoder(pixels),
            suppress_tokens=[policy.config.image_token_id],
            do_sample=True, temperature=1.0, top_k=0, max_new_tokens=setup.shape.lengths[1],
            eos_token_id=END, pad_token_id=0,
        )  # fmt: skip
    completions = out[:, ids.shape[1] :].tolist()
    return [row[:length] for row, length in zip(completions, lengths.tolist(), strict=True)]
