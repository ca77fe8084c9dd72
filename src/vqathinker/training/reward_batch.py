"""The rollouts of a batch, read once: what every reward is computed from."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vqathinker.params import AnswerParams, RewardsParams
from vqathinker.policy.answer import AnswerStatus, Completion, read_answer
from vqathinker.training.ranking import Floats

__all__ = ["RewardBatch", "read_batch"]


@dataclass(frozen=True)
class RewardBatch:
    """What a reward function gets; arrays are (batches, videos, group).

    Videos of different batches (devices) do not see each other, so means over a batch run over the
    last two axes.

    Args:
        completions: text, end and number of tokens of each rollout, (batches · videos, group).
        scores: what the answers say; NaN for a failure.
        coarse: whether a score has fewer than two significant decimals.
        tokens: length of each completion.
        mos: labels on the training scale, (batches, videos).
        statuses: how many answers have which status.
        params: section `rewards`; the parameters of reward `x` are `params.x`.
        thinking: whether the prompt asks for a thought.
        copies: the rollouts on perturbed copies of the same videos, if any were made.
    """

    completions: Sequence[Sequence[Completion]]
    scores: Floats
    coarse: NDArray[np.bool_]
    tokens: NDArray[np.int_]
    mos: Floats
    statuses: Counter[AnswerStatus]
    params: RewardsParams
    thinking: bool
    copies: "RewardBatch | None" = None

    @property
    def perturbed(self) -> "RewardBatch":
        """The rollouts on perturbed copies; their group can have another size.

        Raises:
            ValueError: none were made, because no reward that asks for them has a weight.
        """
        if self.copies is None:
            raise ValueError(
                "no rollouts on perturbed copies were made; expected the name of the reward that "
                "reads them in RewardWeights.PERTURBED"
            )
        return self.copies


def read_batch(
    completions: Sequence[Sequence[Completion]], mos: Floats, params: RewardsParams,
    answer: AnswerParams, batches: int, *, thinking: bool, copies: RewardBatch | None = None,
) -> RewardBatch:  # fmt: skip
    """Read the completions (videos, group) of `batches` equal consecutive parts; `mos` (videos,).

    Raises:
        ValueError: groups of different sizes.
    """
    sizes = {len(group) for group in completions}
    if len(sizes) > 1:
        raise ValueError(f"groups of {sorted(sizes)} completions; every video needs as many")
    shape = (batches, len(completions) // batches, sizes.pop() if sizes else 0)
    every = [completion for group in completions for completion in group]
    answers = [read_answer(completion, answer) for completion in every]
    return RewardBatch(
        completions=completions,
        scores=np.array([each.score for each in answers], dtype=float).reshape(shape),
        coarse=np.array([each.coarse for each in answers], dtype=bool).reshape(shape),
        tokens=np.array([each.tokens for each in every], dtype=int).reshape(shape),
        mos=mos.reshape(shape[:2]),
        statuses=Counter(each.status for each in answers),
        params=params,
        thinking=thinking,
        copies=copies,
    )
