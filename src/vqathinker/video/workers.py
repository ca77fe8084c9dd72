"""Work on untrusted videos in worker processes that may hang, run out of memory or crash.

A worker takes many videos in turn, so that one costs little more than the work itself. A worker
that exceeds a limit or dies is replaced, and its video gets a name for what happened.
"""

import contextlib
import math
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from vqathinker.video.damage import DamagedVideo
from vqathinker.video.fork_server import start_process
from vqathinker.video.limits import (
    Limits,
    WorkerStartError,
    limit_data,
    memory_shortage,
    raise_memory_limits,
    system_limits,
)

__all__ = ["run_in_workers"]

# For what is no fault of a video: a worker's imports from a slow disk, a machine that is busy.
_GRACE_S = 600
# torch says so in a RuntimeError; everything else raises MemoryError.
_OUT_OF_MEMORY_MESSAGES = ("can't allocate memory", "not enough memory")


@dataclass(slots=True)
class _Worker:
    """A worker process, the number of the item it works on, and when that must be done."""

    process: ForkServerProcess
    pipe: Connection
    item: int | None = None
    deadline: float = field(default=math.inf)


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
        raised, or a DamagedVideo with status timeout, out_of_memory or crashed.

    Raises:
        WorkerStartError: no worker can be started, or not with as much memory as `limits` say.
        RuntimeError: `function` raised anything else, which is no fault of a video.
    """
    waiting = deque(range(len(items)))
    pool: list[_Worker] = []
    try:
        while waiting or any(worker.item is not None for worker in pool):
            while waiting and len(pool) < workers:
                pool.append(_start_worker(function, limits))
            for worker in pool:
                if worker.item is None and waiting:
                    _assign_item(worker, waiting.popleft(), items, clock() + limits.timeout_s)
            for worker in _wait_for_workers(pool, clock):
                number, outcome, can_go_on = _collect_outcome(worker, items, limits)
                if not can_go_on:
                    _stop_worker(worker)
                    pool.remove(worker)
                yield number, outcome
    finally:
        for worker in pool:
            _stop_worker(worker)


def _start_worker(function: Callable[..., Any], limits: Limits) -> _Worker:
    raise_memory_limits(limits.memory_mb)
    worker = _Worker(*start_process(_worker_loop, function, limits))
    try:
        if worker.pipe.poll(_GRACE_S):
            reason = worker.pipe.recv()
            if reason is None:
                return worker
        else:
            reason = f"nothing heard within {_GRACE_S} s; is the machine overloaded?"
    except EOFError:
        worker.process.join(_GRACE_S)
        ended = _describe_exit(worker.process.exitcode)
        reason = f"{ended}; its error is above; limits here: {system_limits()}"
    _stop_worker(worker)
    raise WorkerStartError(f"a decoding process did not start: {reason}")


def _assign_item(
    worker: _Worker, number: int, items: Sequence[tuple[Any, ...]], deadline: float
) -> None:
    worker.item, worker.deadline = number, deadline
    with contextlib.suppress(BrokenPipeError):  # it died between two videos: found on collecting
        worker.pipe.send(items[number])


def _wait_for_workers(pool: Sequence[_Worker], clock: Callable[[], float]) -> list[_Worker]:
    """Workers that answered, died or are out of time; waits until then for the first of them."""
    busy = [worker for worker in pool if worker.item is not None]
    seconds_left = min(worker.deadline for worker in busy) - clock()
    answered = wait([worker.pipe for worker in busy], timeout=max(0.0, seconds_left))
    now = clock()
    return [worker for worker in busy if worker.pipe in answered or worker.deadline <= now]


def _collect_outcome(
    worker: _Worker, items: Sequence[tuple[Any, ...]], limits: Limits
) -> tuple[int, Any, bool]:
    """Number of the item, its outcome, and whether the worker can go on."""
    assert worker.item is not None  # noqa: S101  only busy workers are collected from
    number, worker.item = worker.item, None
    path = Path(items[number][0])
    if not worker.pipe.poll():  # an answer that came just now still counts
        reason = f"took longer than {limits.timeout_s:g} s"
        return number, DamagedVideo(path, "timeout", reason), False
    try:
        kind, outcome = worker.pipe.recv()
    except (EOFError, ConnectionResetError):
        worker.process.join(_GRACE_S)
        reason = _describe_exit(worker.process.exitcode)
        return number, DamagedVideo(path, "crashed", reason), False
    if kind == "memory":
        reason = f"needed more than {limits.memory_mb} MiB of memory"
        return number, DamagedVideo(path, "out_of_memory", reason), False
    if kind == "error":
        raise RuntimeError(f"{path}: decoding failed for a reason that lies with us\n{outcome}")
    return number, outcome, True


def _describe_exit(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"the decoding process was ended by {signal.Signals(-exitcode).name}"
    return f"the decoding process ended with exit code {exitcode}"


def _stop_worker(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.join()
    worker.process.close()
    worker.pipe.close()


def _worker_loop(pipe: Connection, function: Callable[..., Any], limits: Limits) -> None:
    """The worker process: answer calls until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers itself
    shortage = memory_shortage(limits.memory_mb)
    limit_data(limits.memory_mb)
    pipe.send(shortage)  # None: ready
    while True:
        try:
            item = pipe.recv()
        except EOFError:
            return
        # Should the parent be killed, nobody else ends a worker that hangs.
        signal.alarm(math.ceil(limits.timeout_s) + _GRACE_S)
        answer = _call_function(function, item)
        signal.alarm(0)
        pipe.send(answer)


def _call_function(function: Callable[..., Any], item: tuple[Any, ...]) -> tuple[str, Any]:
    try:
        return "done", function(*item)
    except (DamagedVideo, FileNotFoundError) as outcome:
        return "done", outcome
    except MemoryError:
        return "memory", None
    except Exception as error:  # noqa: BLE001  told to the parent, which raises it
        if any(message in str(error) for message in _OUT_OF_MEMORY_MESSAGES):
            return "memory", None
        return "error", traceback.format_exc()
