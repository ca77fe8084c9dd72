"""Work on untrusted videos in worker processes that may hang, run out of memory or crash.

A worker takes many videos in turn, so that one costs little more than the work itself. A worker
that exceeds a limit or dies is replaced, and its video gets a name for what happened. Workers come
from a fork server: they start in milliseconds, and from a process without threads.
"""

import contextlib
import math
import multiprocessing
import resource
import signal
import sys
import time
import traceback
import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from vqathinker.video.damage import DamagedVideo

__all__ = ["Limits", "preload_modules", "run_in_workers"]

_CONTEXT = multiprocessing.get_context("forkserver")
_PRELOADED_MODULES: list[str] = []
_MIB = 1024**2
# For what is no fault of a video: a worker's imports from a slow disk, a machine that is busy.
_GRACE_S = 600
# torch says so in a RuntimeError; everything else raises MemoryError.
_OUT_OF_MEMORY_MESSAGES = ("can't allocate memory", "not enough memory")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one video may take.

    Attributes:
        timeout_s: seconds by the clock.
        memory_mb: MiB of data (heap and anonymous mappings) of the process, libraries not counted.
    """

    timeout_s: float
    memory_mb: int


@dataclass(slots=True)
class _Worker:
    """A worker process, the number of the item it works on, and when that must be done."""

    process: ForkServerProcess
    pipe: Connection
    item: int | None = None
    deadline: float = field(default=math.inf)


def preload_modules(*modules: str) -> None:
    """Import modules once, in the fork server, instead of in every worker.

    Has no effect once a worker was started.
    """
    _PRELOADED_MODULES.extend(module for module in modules if module not in _PRELOADED_MODULES)
    _CONTEXT.set_forkserver_preload(_PRELOADED_MODULES)


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
    parent_end, worker_end = _CONTEXT.Pipe()
    arguments = (worker_end, function, limits)
    process = _CONTEXT.Process(target=_worker_loop, args=arguments, daemon=True)
    with _empty_main_module():
        process.start()
    worker_end.close()
    worker = _Worker(process, parent_end)
    try:
        if parent_end.poll(_GRACE_S) and parent_end.recv() == "ready":
            return worker
        reason = f"nothing heard within {_GRACE_S} s; is the machine overloaded?"
    except EOFError:
        process.join(_GRACE_S)
        reason = f"{_describe_exit(process.exitcode)}; its error is above"
    _stop_worker(worker)
    raise RuntimeError(f"a decoding process did not start: {reason}")


@contextlib.contextmanager
def _empty_main_module() -> Iterator[None]:
    """Else every worker would import the running program again, which none has a use for."""
    main, sys.modules["__main__"] = sys.modules["__main__"], types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


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
    if not worker.pipe.poll():
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
    limit_bytes = limits.memory_mb * _MIB
    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
    pipe.send("ready")
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
