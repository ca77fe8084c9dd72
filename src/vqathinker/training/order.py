"""The order in which a run meets its videos: another one in every epoch, the same after a kill."""

from collections.abc import Callable, Iterator
from typing import Any

from trl.trainer.utils import RepeatSampler

__all__ = ["EpochOrder"]

_APART = 1_000_003  # between the seeds of two epochs


class EpochOrder(RepeatSampler):
    """TRL's sampler, whose order depends on seed and epoch alone.

    TRL draws the order of an epoch behind that of the one before, so that a run which goes on in
    its second epoch would meet the videos of the first again.

    Args:
        step: tells how many steps were made.
        iterations: steps on the same videos.
        kwargs: what RepeatSampler takes; `batch_size` are the videos of one step.
    """

    def __init__(
        self, *, step: Callable[[], int], seed: int, iterations: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self._step, self._iterations = step, iterations

    def __iter__(self) -> Iterator[int]:
        """Numbers of the videos of an epoch, each as often as a batch needs it."""
        steps = self.num_samples // self.batch_size * self._iterations
        epoch = self._step() // max(1, steps)
        self.generator.manual_seed(self.seed + epoch * _APART)
        return iter(super().__iter__())
