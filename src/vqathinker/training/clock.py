"""Seconds of a training step by phase, and its peak memory: what two equal runs differ in."""

import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import TrainerCallback

__all__ = ["PhaseClock", "StepTimes", "peak_memory_mb"]


class PhaseClock:
    """Seconds of each phase; one within another counts for itself alone.

    The GPU's work is waited for where a phase begins and ends, so that it counts where it belongs.

    >>> ticks = iter([0.0, 1.0, 4.0, 6.0])
    >>> clock = PhaseClock(lambda: next(ticks))
    >>> with clock("gradient"):
    ...     with clock("rollout"):
    ...         pass
    >>> clock.take()
    {'rollout': 3.0, 'gradient': 3.0}
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._within: list[float] = []  # for each open phase, seconds of the phases in it

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        """The time of this block is the phase's."""
        self._within.append(0.0)
        begin = self._time()
        try:
            yield
        finally:
            whole = self._time() - begin
            self._spent[phase] += whole - self._within.pop()
            if self._within:
                self._within[-1] += whole

    def take(self) -> dict[str, float]:
        """Seconds by phase since they were last taken."""
        spent = dict(self._spent)
        self._spent.clear()
        return spent

    def _time(self) -> float:
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.synchronize()
        return self._now()


class StepTimes(TrainerCallback):
    """Gives `record` the times of each step by name: `seconds/<phase>` and `memory_mb`.

    The phase `optimiser` is measured here, the others by whoever holds the clock.
    """

    def __init__(self, clock: PhaseClock, record: Callable[[str, float], None]) -> None:
        self._clock, self._record = clock, record
        self._optimiser = clock("optimiser")

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        """Gradients are whole and clipped."""
        self._optimiser = self._clock("optimiser")
        self._optimiser.__enter__()

    def on_optimizer_step(self, *_: Any, **__: Any) -> None:
        """Weights have moved."""
        self._optimiser.__exit__(None, None, None)

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Before the step is logged."""
        for phase, seconds in self._clock.take().items():
            self._record(f"seconds/{phase}", seconds)
        self._record("memory_mb", peak_memory_mb())


def peak_memory_mb() -> float:
    """Most memory that this process has had, in MiB: of the GPU if it uses one, else resident."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
