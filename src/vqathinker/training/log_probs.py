"""Log-probabilities of rollouts, in packed rows once these were compared with plain ones.

Source: docs/method.md, section 5; see `policy.packing` for packed rows.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate import Accelerator
from peft import PeftModel
from torch import Tensor

from vqathinker.policy.config import has_window
from vqathinker.policy.head import CompletionScores
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.training.rollouts import RolloutSampler

# Mean difference of log-probabilities that rounding explains, in nats.
_APART = {"no": 1e-4, "bf16": 3e-2}
_log = logging.getLogger(__name__)


def unwrap_policy(accelerator: Accelerator, model: Any) -> VQAThinkerForConditionalGeneration:
    """The policy without the wrappers of accelerate and peft."""
    inner = accelerator.unwrap_model(model)
    policy: VQAThinkerForConditionalGeneration = (
        inner.get_base_model() if isinstance(inner, PeftModel) else inner
    )
    return policy


@dataclass
class RolloutScorer:
    """Scores rollouts of the step that `sampler` made last.

    Args:
        videos: ids by the numbers that `score` is given.
        temperature: of sampling.

    `packed` is None until the first call, which decides: a policy with a sliding window gets plain
    rows; of any other the group with the longest completion is compared in both ways.
    """

    accelerator: Accelerator
    sampler: RolloutSampler
    videos: Sequence[str]
    temperature: float
    packed: bool | None = field(init=False, default=None)

    def score(
        self, model: Any, clips: Tensor, completions: Tensor, lengths: Tensor, at_once: int
    ) -> CompletionScores:
        """Scores of completions padded on the right.

        Args:
            model: the policy or its reference, as the accelerator prepared it.
            clips: the video of each completion, groups one after the other (completions,).
            completions: (completions, tokens).
            lengths: (completions,).
            at_once: completions of one pass, whole groups.
        """
        if self.packed is None:
            self.packed = self._may_pack(model, clips, completions, lengths)
        parts = [
            self._score(model, clips[some], completions[some], lengths[some], self.packed)
            for some in torch.arange(len(clips), device=clips.device).split(at_once)
        ]
        return CompletionScores(
            torch.cat([part.log_probs for part in parts]),
            torch.cat([part.entropies for part in parts]),
        )

    def _score(
        self, model: Any, clips: Tensor, completions: Tensor, lengths: Tensor, packed: bool
    ) -> CompletionScores:
        distinct, rows = torch.unique(clips, return_inverse=True)
        videos = [self.videos[clip] for clip in distinct.tolist()]
        inputs = self.sampler.model_inputs(unwrap_policy(self.accelerator, model), videos)
        with self.accelerator.autocast():
            scores: CompletionScores = model(
                **inputs, completion_ids=completions, lengths=lengths, rows=rows,
                temperature=self.temperature, packed=packed,
            )  # fmt: skip
        return scores

    def _may_pack(self, model: Any, clips: Tensor, completions: Tensor, lengths: Tensor) -> bool:
        if has_window(unwrap_policy(self.accelerator, model).config.text_config):
            _log.info("a layer has a sliding window, so log-probabilities take plain rows")
            return False
        group = self.sampler.group
        first = int(lengths.argmax()) // group * group
        some = slice(first, first + group)
        return self._packs_right(model, clips[some], completions[some], lengths[some])

    @torch.no_grad()
    def _packs_right(self, model: Any, clips: Tensor, completions: Tensor, lengths: Tensor) -> bool:
        packed, plain = (
            self._score(model, clips, completions, lengths, how).log_probs for how in (True, False)
        )
        difference = (packed - plain).abs().sum() / lengths.sum()
        apart = float(self.accelerator.gather(difference[None]).max())
        most = _APART[self.accelerator.mixed_precision]
        if apart <= most:
            return True
        _log.warning(
            "log-probabilities of packed rows differ by %.2g from those of plain rows, expected "
            "at most %.2g; this run continues with plain rows, which take longer", apart, most,
        )  # fmt: skip
        return False
