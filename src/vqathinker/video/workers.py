"""Work on untrusted videos in worker processes that may hang, run out of memory or crash.

A worker takes many videos in turn, so that one costs little more than the work itself. Where one
exceeds a limit, dies or is disturbed, its video is tried once more, alone: what another process, a
disk or the batch system did then does not happen again, or it ends the job. Only what a video does
again by itself is said of the video.
"""

import math
import platform
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from vqathinker.video.damage import DamagedVideo
from vqathinker.video.disturbance import DisturbedJobError
from vqathinker.video.limits import Limits
from vqathinker.video.worker_process import (
    Setback,
    WorkerProcess,
    describe_exit,
    wait_for_workers,
)

__all__ = ["run_in_workers"]

# A try alone may last so many time limits by the clock; of processor time it gets one.
_PATIENCE = 4
# Signals that a decoder brings on itself; all others come from outside.
_OWN_SIGNALS = {signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP}


def run_in_workers(
    function: Callable[..., Any],
    items: Sequence[tuple[Any, ...]],
    limits: Limits,
    workers: int = 1,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[int, Any]]:
    """Call `function(*item)` for every item in worker processes.

    Args:
        function: of a module; its first argument is the path of a video.
        items: arguments of each call; they and the results are pickled.
        limits: of each call. Reaching one ends the worker, not the caller.
        workers: processes at a time.
        clock: seconds by which time limits are kept.

    Yields:
        Number of the item and what `function` returned, as soon as it is there: in order with one
        worker. Instead of a result there may be a FileNotFoundError or DamagedVideo that `function`
        raised, or a DamagedVideo with status timeout, out_of_memory or crashed: that happened
        twice, the second time alone.

    Raises:
        WorkerStartError: no worker can be started, or not with as much memory as `limits` say.
        DisturbedJobError: a video could not be worked on, twice, for a reason outside of it.
        RuntimeError: `function` raised anything else, which is no fault of a video.
    """
    set_back: list[int] = []
    for number, outcome in _run_pool(function, items, limits, workers, clock):
        if not isinstance(outcome, Setback):
            yield number, outcome
        elif workers == 1:
            yield number, _try_alone(function, items[number], limits, clock)
        else:
            set_back.append(number)  # until nothing else runs
    for number in set_back:
        yield number, _try_alone(function, items[number], limits, clock)


def _run_pool(
    function: Callable[..., Any],
    items: Sequence[tuple[Any, ...]],
    limits: Limits,
    workers: int,
    clock: Callable[[], float],
) -> Iterator[tuple[int, Any]]:
    waiting = deque(range(len(items)))
    pool: list[WorkerProcess] = []
    try:
        while waiting or any(worker.item is not None for worker in pool):
            while waiting and len(pool) < workers:
                pool.append(WorkerProcess(function, limits, limits.timeout_s))
            for worker in pool:
                if worker.item is None and waiting:
                    number = waiting.popleft()
                    worker.assign(number, items[number], clock())
            for worker in wait_for_workers(pool, clock):
                assert worker.item is not None  # noqa: S101  only busy workers are waited for
                number, outcome = worker.item, worker.collect()
                if isinstance(outcome, Setback):
                    worker.stop()
                    pool.remove(worker)
                yield number, outcome
    finally:
        for worker in pool:
            worker.stop()


def _try_alone(
    function: Callable[..., Any],
    item: tuple[Any, ...],
    limits: Limits,
    clock: Callable[[], float],
) -> Any:
    """What comes of an item in a process of its own, and what its second setback says."""
    worker = WorkerProcess(function, limits, _PATIENCE * limits.timeout_s, limits.timeout_s)
    try:
        worker.assign(0, item, clock())
        wait_for_workers([worker], clock)
        outcome = worker.collect()
    finally:
        worker.stop()
    return _judge(Path(item[0]), outcome, limits) if isinstance(outcome, Setback) else outcome


def _judge(path: Path, setback: Setback, limits: Limits) -> DamagedVideo:
    """What the second setback, alone, says of the video. Raises DisturbedJobError: nothing."""
    if setback.disturbance is not None:
        raise DisturbedJobError(str(setback.disturbance))
    if setback.what == "memory":
        reason = f"needed more than {limits.memory_mb} MiB of memory"
        return DamagedVideo(path, "out_of_memory", reason)
    where = f"{path} on {platform.node()}"
    if setback.what == "late":
        raise DisturbedJobError(
            f"{where}: nothing came out within {_PATIENCE * limits.timeout_s:g} s, in which it did "
            f"not use {limits.timeout_s:g} s of processor time; is the disk or network folder "
            "stalled, or the machine overloaded? Start again then, or raise clips.timeout_s"
        )
    exitcode = setback.exitcode
    if exitcode == -signal.SIGXCPU:
        reason = f"took longer than {math.ceil(limits.timeout_s)} s of processor time"
        return DamagedVideo(path, "timeout", reason)
    if exitcode is None or (exitcode < 0 and -exitcode not in _OWN_SIGNALS):
        raise DisturbedJobError(
            f"{where}: {describe_exit(exitcode)}, twice; a limit of the job or machine does that, "
            "mostly of memory: ask for more, or start again with fewer --workers"
        )
    return DamagedVideo(path, "crashed", describe_exit(exitcode))
