"""Run functions on untrusted videos in worker processes that may hang, crash or run out of memory.

If a worker exceeds a limit, dies, or fails for a reason outside the video, the video is tried once
more, alone, after all others. Only a failure that occurs twice is recorded as damage. Failures
caused by another process, a disk or the batch system do not recur, or they end the job.
"""

import math
import os
import platform
import resource
import signal
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from pebble import CONSTS, ProcessExpired, ProcessPool

from vqathinker.video.damage import DamagedVideo, JobError

CONSTS.sleep_unit = 0.03  # s; pebble's default of 0.1 delays the end of every pool

_MIB = 1024**2
_LIBRARIES_MB = 1024  # address space of torch and PyAV; measured: 700
# The second attempt may take this many time limits of wall time, but only one of processor time.
_RETRY_TIMEOUT_FACTOR = 4
_ALARM_MARGIN_S = 600
_MAX_TMPDIR_BYTES = 75  # a socket path may have 107 bytes, and the fork server appends 32
# Signals that a crashing decoder causes; all others come from outside.
_CRASH_SIGNALS = {signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP}
# Messages of torch's RuntimeError; other libraries raise MemoryError.
_OUT_OF_MEMORY_MESSAGES = ("can't allocate memory", "not enough memory")
_RETRIED_ERRORS = (TimeoutError, ProcessExpired, MemoryError, JobError, BrokenProcessPool)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for one video."""

    timeout_s: float  # wall time
    memory_mb: int  # MiB of data (heap and anonymous mappings) of the process, without libraries


class WorkerStartError(RuntimeError):
    """No worker process can be started, because of the machine or this program."""


class _Process(ForkServerProcess):
    """A worker process that works with any TMPDIR and does not import the main program."""

    _lock = threading.Lock()

    def start(self) -> None:
        with self._lock:
            # Otherwise, a script without `if __name__ == "__main__"` would rerun in each worker.
            main, sys.modules["__main__"] = sys.modules["__main__"], types.ModuleType("__main__")
            configured = tempfile.tempdir
            if len(os.fsencode(tempfile.gettempdir())) > _MAX_TMPDIR_BYTES:
                tempfile.tempdir = "/tmp"  # noqa: S108  a private folder is created in it
            try:
                super().start()
            finally:
                sys.modules["__main__"], tempfile.tempdir = main, configured


class _Context(ForkServerContext):
    Process = _Process


_CONTEXT = _Context()
_PRELOADED: list[str] = []


def preload_modules(*modules: str) -> None:
    """Import modules once, in the fork server, instead of in every worker.

    Has no effect after the first worker has started.
    """
    _PRELOADED.extend(module for module in modules if module not in _PRELOADED)
    _CONTEXT.set_forkserver_preload(_PRELOADED)


def raise_soft_memory_limits(memory_mb: int) -> None:
    """Raise the soft memory limits of this process to the hard ones; its workers inherit them.

    With a lower limit, intact videos would count as damaged.

    Raises:
        WorkerStartError: a hard limit is lower than `memory_mb`.
    """
    for option, name, kind, libraries_mb in (
        ("-d", "data", resource.RLIMIT_DATA, 0),
        ("-v", "address space", resource.RLIMIT_AS, _LIBRARIES_MB),
    ):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY and hard < (memory_mb + libraries_mb) * _MIB:
            raise WorkerStartError(
                f"`ulimit -H {option}` limits {name} to {hard // _MIB} MiB, but decoding needs "
                f"{memory_mb} MiB and libraries {libraries_mb} MiB: raise the limit (in a batch "
                "job: request more memory), or lower clips.memory_mb in params.yaml for "
                "`vqathinker decode`"
            )
        resource.setrlimit(kind, (hard, hard))


def run_in_workers(
    function: Callable[..., Any],
    items: Sequence[tuple[Any, ...]],
    limits: Limits,
    workers: int = 1,
) -> Iterator[tuple[int, Any]]:
    """Call `function(*item)` for every item in worker processes.

    Args:
        function: must be importable; its first argument is the path of a video.
        items: arguments of each call. Arguments and results are pickled.
        limits: for each call.
        workers: number of processes.

    Yields:
        Index of the item and the result of `function`, in order of completion. Instead of a result,
        a FileNotFoundError or DamagedVideo that `function` raised, or a DamagedVideo with status
        timeout, out_of_memory or crashed.

    Raises:
        WorkerStartError: no worker can be started.
        JobError: a video failed twice for a reason outside it.
        OSError: raised by `function`.
        RuntimeError: `function` raised another exception, which the video does not cause.
    """
    retried = []
    for number, outcome in _run_pool(function, items, limits, workers, is_last=False):
        if isinstance(outcome, _RETRIED_ERRORS):
            retried.append(number)
        else:
            yield number, outcome
    for number in retried:
        item = items[number]
        [(_, outcome)] = _run_pool(function, [item], limits, workers=1, is_last=True)
        if isinstance(outcome, _RETRIED_ERRORS):
            outcome = _diagnose(Path(item[0]), outcome, limits)
        yield number, outcome


def _run_pool(
    function: Callable[..., Any],
    items: Sequence[tuple[Any, ...]],
    limits: Limits,
    workers: int,
    is_last: bool,
) -> Iterator[tuple[int, Any]]:
    """Yield the result of each call, or the exception that ended it."""
    raise_soft_memory_limits(limits.memory_mb)
    call_s = limits.timeout_s * (_RETRY_TIMEOUT_FACTOR if is_last else 1)
    processor_s = limits.timeout_s if is_last else None
    done: SimpleQueue[tuple[int, Future[Any]]] = SimpleQueue()
    pool = ProcessPool(
        max_workers=workers,
        initializer=_limit_worker,
        initargs=(limits.memory_mb, processor_s),
        context=_CONTEXT,
    )

    def schedule(number: int) -> None:
        arguments = (function, items[number], call_s + _ALARM_MARGIN_S)
        future: Future[Any]
        try:
            future = pool.schedule(_call, arguments, timeout=call_s)
        except (OSError, RuntimeError) as error:  # no worker can be started
            future = Future()
            future.set_exception(BrokenProcessPool(str(error.__cause__ or error)))
        future.add_done_callback(lambda future: done.put((number, future)))

    waiting = iter(range(len(items)))
    try:
        for number in islice(waiting, 2 * workers):  # per worker, one running and one queued
            schedule(number)
        for _ in items:
            number, future = done.get()
            for following in islice(waiting, 1):
                schedule(following)
            yield number, _outcome_of(future, items[number])
    finally:
        pool.stop()
        pool.join()


def _outcome_of(future: Future[Any], item: tuple[Any, ...]) -> Any:
    match future.exception():
        case None:
            return future.result()
        case DamagedVideo() | FileNotFoundError() as error:
            return error
        case error if isinstance(error, _RETRIED_ERRORS):
            return error
        case OSError() as error:  # the function could not write its output
            raise error
        case error:
            raise RuntimeError(f"{item[0]}: a bug of this program, not of the video") from error


def _diagnose(path: Path, error: BaseException, limits: Limits) -> DamagedVideo:
    """Classify the second failure of a video: return DamagedVideo or raise JobError."""
    where = f"{path} on {platform.node()}"
    match error:
        case BrokenProcessPool():
            limits_here = "check `ulimit -n` and `ulimit -u`"
            raise WorkerStartError(f"a decoding process did not start: {error}; {limits_here}")
        case JobError():
            raise error
        case MemoryError():
            reason = f"needed more than {limits.memory_mb} MiB of memory"
            return DamagedVideo(path, "out_of_memory", reason)
        case ProcessExpired(exitcode=code) if -code == signal.SIGXCPU:
            reason = f"exceeded {math.ceil(limits.timeout_s)} s of processor time"
            return DamagedVideo(path, "timeout", reason)
        case ProcessExpired(exitcode=code) if -code in _CRASH_SIGNALS:
            reason = f"the decoding process was terminated by {signal.Signals(-code).name}"
            return DamagedVideo(path, "crashed", reason)
        # pebble's workers convert SIGTERM into an exit code.
        case ProcessExpired(exitcode=code) if code > 0 and code != signal.SIGTERM:
            reason = f"the decoding process exited with code {code}"
            return DamagedVideo(path, "crashed", reason)
        case ProcessExpired(exitcode=code):
            raise JobError(
                f"{where}: the decoding process was terminated twice by "
                f"{signal.Signals(abs(code)).name}, usually because of a memory limit of the job "
                "or machine: request more memory, or rerun with fewer --workers"
            )
    raise JobError(
        f"{where}: no result within {_RETRY_TIMEOUT_FACTOR * limits.timeout_s:g} s, with less than "
        f"{limits.timeout_s:g} s of processor time. Check whether the disk or network folder is "
        "stalled or the machine overloaded, then rerun or raise clips.timeout_s"
    )


def _limit_worker(memory_mb: int, processor_s: float | None) -> None:
    """Limit data, and processor time if `processor_s` is given; runs in the worker."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory_mb * _MIB, memory_mb * _MIB))
    if processor_s is not None:  # beyond it, the kernel sends SIGXCPU
        limit = math.ceil(time.process_time() + processor_s)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _call(function: Callable[..., Any], item: tuple[Any, ...], alarm_s: float) -> Any:
    """Call the function; runs in the worker."""
    # If the parent is killed, nothing else terminates a worker that hangs.
    signal.alarm(math.ceil(alarm_s))
    try:
        return function(*item)
    except RuntimeError as error:
        if any(message in str(error) for message in _OUT_OF_MEMORY_MESSAGES):
            raise MemoryError from error
        raise
    finally:
        signal.alarm(0)
