"""Run functions on untrusted videos in processes that may hang, run out of memory or crash.

A video whose worker exceeds a limit, dies or is disturbed is tried once more, alone, after all
others. Only what happens twice is recorded as damage; what another process, a disk or the batch
system did does not happen again, or ends the job.
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

from vqathinker.video.damage import DamagedVideo, DisturbedJobError

CONSTS.sleep_unit = 0.03  # seconds that it takes a pool to end; pebble's 0.1 costs a clip more

_MIB = 1024**2
_LIBRARIES_MB = 1024  # address space of torch and PyAV; measured: 700
# The second try of a video may take that many time limits by the clock, and one of processor time.
_PATIENCE = 4
_GRACE_S = 600
_LONGEST_TMPDIR = 75  # bytes: the fork server needs 32 for its socket, whose path may have 107
# Signals that a decoder brings on itself; all others come from outside.
_OWN_SIGNALS = {signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP}
# torch says so in a RuntimeError; everything else raises MemoryError.
_OUT_OF_MEMORY_MESSAGES = ("can't allocate memory", "not enough memory")
_SETBACKS = (TimeoutError, ProcessExpired, MemoryError, DisturbedJobError, BrokenProcessPool)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one video may take."""

    timeout_s: float  # by the clock
    memory_mb: int  # MiB of data (heap and anonymous mappings) of the process, without libraries


class WorkerStartError(RuntimeError):
    """No worker process can be started; the machine or this program is the reason."""


class _Process(ForkServerProcess):
    """A process that starts under any TMPDIR and does not import the program that is running."""

    _lock = threading.Lock()

    def start(self) -> None:
        with self._lock:
            # Otherwise a script without `if __name__ == "__main__"` would run again in each worker.
            main, sys.modules["__main__"] = sys.modules["__main__"], types.ModuleType("__main__")
            configured = tempfile.tempdir
            if len(os.fsencode(tempfile.gettempdir())) > _LONGEST_TMPDIR:
                tempfile.tempdir = "/tmp"  # noqa: S108  the folder made in it is this user's
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

    Has no effect once a worker was started.
    """
    _PRELOADED.extend(module for module in modules if module not in _PRELOADED)
    _CONTEXT.set_forkserver_preload(_PRELOADED)


def raise_memory_limits(memory_mb: int) -> None:
    """Raise the soft memory limits of this process, which its workers inherit, to the hard ones.

    Under a lower limit, healthy videos would be called damaged.

    Raises:
        WorkerStartError: a hard limit allows less than `memory_mb`.
    """
    for option, name, kind, libraries_mb in (
        ("-d", "data", resource.RLIMIT_DATA, 0),
        ("-v", "address space", resource.RLIMIT_AS, _LIBRARIES_MB),
    ):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY and hard < (memory_mb + libraries_mb) * _MIB:
            raise WorkerStartError(
                f"`ulimit -H {option}` allows a process {hard // _MIB} MiB of {name}, decoding "
                f"needs {memory_mb} MiB and libraries {libraries_mb} MiB: raise that limit (in a "
                "job: ask for more memory), or for `vqathinker decode` lower clips.memory_mb in "
                "params.yaml"
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
        function: defined in a module; its first argument is the path of a video.
        items: arguments of each call; they and the results are pickled.
        limits: of each call.
        workers: number of processes.

    Yields:
        Number of the item and what `function` returned, as soon as it is there. Instead of a result
        there may be a FileNotFoundError or DamagedVideo that `function` raised, or a DamagedVideo
        with status timeout, out_of_memory or crashed.

    Raises:
        WorkerStartError: no worker can be started.
        DisturbedJobError: a video could not be worked on, twice, for a reason outside it.
        OSError: as `function` raised it.
        RuntimeError: `function` raised anything else, which is no fault of a video.
    """
    set_back = []
    for number, outcome in _run_pool(function, items, limits, workers, is_last=False):
        if isinstance(outcome, _SETBACKS):
            set_back.append(number)
        else:
            yield number, outcome
    for number in set_back:
        item = items[number]
        [(_, outcome)] = _run_pool(function, [item], limits, workers=1, is_last=True)
        if isinstance(outcome, _SETBACKS):
            outcome = _judge(Path(item[0]), outcome, limits)
        yield number, outcome


def _run_pool(
    function: Callable[..., Any],
    items: Sequence[tuple[Any, ...]],
    limits: Limits,
    workers: int,
    is_last: bool,
) -> Iterator[tuple[int, Any]]:
    """Result of each call, or the exception that says what happened to it."""
    raise_memory_limits(limits.memory_mb)
    call_s = limits.timeout_s * (_PATIENCE if is_last else 1)
    processor_s = limits.timeout_s if is_last else None
    done: SimpleQueue[tuple[int, Future[Any]]] = SimpleQueue()
    pool = ProcessPool(
        max_workers=workers,
        initializer=_limit_worker,
        initargs=(limits.memory_mb, processor_s),
        context=_CONTEXT,
    )

    def schedule(number: int) -> None:
        arguments = (function, items[number], call_s + _GRACE_S)
        future: Future[Any]
        try:
            future = pool.schedule(_call, arguments, timeout=call_s)
        except (OSError, RuntimeError) as error:  # no process can be started
            future = Future()
            future.set_exception(BrokenProcessPool(str(error.__cause__ or error)))
        future.add_done_callback(lambda future: done.put((number, future)))

    waiting = iter(range(len(items)))
    try:
        for number in islice(waiting, 2 * workers):  # one to work on, and one that waits
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
        case error if isinstance(error, _SETBACKS):
            return error
        case OSError() as error:  # of what the function writes
            raise error
        case error:
            raise RuntimeError(f"{item[0]}: a fault of this program, not of the video") from error


def _judge(path: Path, setback: BaseException, limits: Limits) -> DamagedVideo:
    """The damage that a second setback proves; raises DisturbedJobError if it proves none."""
    where = f"{path} on {platform.node()}"
    match setback:
        case BrokenProcessPool():
            limits_here = "check `ulimit -n` and `ulimit -u`"
            raise WorkerStartError(f"a decoding process did not start: {setback}; {limits_here}")
        case DisturbedJobError():
            raise setback
        case MemoryError():
            reason = f"needed more than {limits.memory_mb} MiB of memory"
            return DamagedVideo(path, "out_of_memory", reason)
        case ProcessExpired(exitcode=code) if -code == signal.SIGXCPU:
            reason = f"took longer than {math.ceil(limits.timeout_s)} s of processor time"
            return DamagedVideo(path, "timeout", reason)
        case ProcessExpired(exitcode=code) if -code in _OWN_SIGNALS:
            reason = f"the decoding process was ended by {signal.Signals(-code).name}"
            return DamagedVideo(path, "crashed", reason)
        # pebble's workers turn SIGTERM into an exit code.
        case ProcessExpired(exitcode=code) if code > 0 and code != signal.SIGTERM:
            reason = f"the decoding process ended with exit code {code}"
            return DamagedVideo(path, "crashed", reason)
        case ProcessExpired(exitcode=code):
            raise DisturbedJobError(
                f"{where}: the decoding process was ended by {signal.Signals(abs(code)).name}, "
                "twice; a limit of the job or machine does that, mostly of memory: ask for more, "
                "or start again with fewer --workers"
            )
    raise DisturbedJobError(
        f"{where}: nothing came out within {_PATIENCE * limits.timeout_s:g} s, with less than "
        f"{limits.timeout_s:g} s of processor time; is the disk or network folder stalled, or the "
        "machine overloaded? Start again then, or raise clips.timeout_s"
    )


def _limit_worker(memory_mb: int, processor_s: float | None) -> None:
    """In the worker: bound its data, and its processor time if `processor_s` is given."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory_mb * _MIB, memory_mb * _MIB))
    if processor_s is not None:  # SIGXCPU then ends it
        limit = math.ceil(time.process_time() + processor_s)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _call(function: Callable[..., Any], item: tuple[Any, ...], alarm_s: float) -> Any:
    """In the worker: one call."""
    # If the parent is killed, nobody else ends a worker that hangs.
    signal.alarm(math.ceil(alarm_s))
    try:
        return function(*item)
    except RuntimeError as error:
        if any(message in str(error) for message in _OUT_OF_MEMORY_MESSAGES):
            raise MemoryError from error
        raise
    finally:
        signal.alarm(0)
