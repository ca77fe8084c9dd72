"""Log-probabilities of completions under the policy or its reference, which the loss is made of.

Source: docs/method.md, section 5; see `policy.packing` for packed rows.
"""

from collections.abc import Sequence
from typing import Any

import torch
from accelerate import Accelerator
from peft import PeftModel
from torch import Tensor

from vqathinker.policy.head import CompletionScores
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.training.rollouts import RolloutSampler


def unwrap_policy(accelerator: Accelerator, model: Any) -> VQAThinkerForConditionalGeneration:
    """The policy without the wrappers of accelerate and peft."""
    inner = accelerator.unwrap_model(model)
    policy: VQAThinkerForConditionalGeneration = (
        inner.get_base_model() if isinstance(inner, PeftModel) else inner
    )
    return policy


def score_completions(  # noqa: PLR0913  the model, what it scores, and how
    accelerator: Accelerator, model: Any, sampler: RolloutSampler, videos: Sequence[str],
    clips: Tensor, completions: Tensor, lengths: Tensor, *, temperature: float = 1.0,
    at_once: int | None = None,
) -> CompletionScores:  # fmt: skip
    """Log-probabilities and entropies of completions about the clips of the current step.

    Args:
        model: the policy or its reference, as the accelerator prepared it.
        videos: ids of all clips by their number.
        clips: the clip of each completion, groups one after the other (completions,).
        completions: token ids padded on the right (completions, tokens).
        lengths: tokens of each completion (completions,).
        temperature: of sampling.
        at_once: completions of one pass, whole groups; None: all.
    """
    parts = []
    for some in torch.arange(len(clips), device=clips.device).split(at_once or len(clips)):
        # The prompt of a clip is run once for all of its completions.
        distinct, rows = torch.unique(clips[some], return_inverse=True)
        inputs = sampler.model_inputs(
            unwrap_policy(accelerator, model), [videos[clip] for clip in distinct.tolist()]
        )
        with accelerator.autocast():
            scores: CompletionScores = model(
                **inputs, rows=rows, completion_ids=completions[some], lengths=lengths[some],
                temperature=temperature,
            )  # fmt: skip
        parts.append(scores)
    return CompletionScores(
        torch.cat([part.log_probs for part in parts]),
        torch.cat([part.entropies for part in parts]),
    )
