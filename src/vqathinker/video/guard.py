"""Work on untrusted videos in child processes that may hang, swell or crash without harm.

A child works on many videos in turn, so that one costs little more than the work itself. A child
that exceeds a limit or dies is replaced, and its video gets a name for what happened. Children come
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

__all__ = ["Limits", "guarded", "preload"]

_CONTEXT = multiprocessing.get_context("forkserver")
_PRELOADED: list[str] = []
_MIB = 1024**2
_START_S = 60  # a child that imports what it needs on a slow disk is not to blame for it
# torch says so in a RuntimeError; everything else raises MemoryError.
_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory")


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
class _Child:
    process: ForkServerProcess
    pipe: Connection
    item: int | None = None
    deadline: float = field(default=math.inf)


def preload(*modules: str) -> None:
    """Import modules once, in the fork server, instead of in every child.

    Has no effect once a child was started.
    """
    _PRELOADED.extend(module for module in modules if module not in _PRELOADED)
    _CONTEXT.set_forkserver_preload(_PRELOADED)


def guarded(
    work: Callable[..., Any], items: Sequence[tuple[Any, ...]], limits: Limits, workers: int = 1
) -> Iterator[tuple[int, Any]]:
    """Call `work(*item)` for every item in child processes.

    Args:
        work: a function of a module; its first argument is the path of a video.
        items: arguments of each call; they and the results are pickled.
        limits: of each call. Reaching one ends the child, not the caller.
        workers: children at a time.

    Yields:
        Number of the item and what `work` returned, as soon as it is there: in order with one
        worker. Instead of a result there may be a FileNotFoundError or DamagedVideo that `work`
        raised, or a DamagedVideo with status timeout, out_of_memory or crashed.

    Raises:
        RuntimeError: `work` raised anything else, which is no fault of a video.
    """
    waiting = deque(range(len(items)))
    children: list[_Child] = []
    try:
        while waiting or any(child.item is not None for child in children):
            while waiting and len(children) < workers:
                children.append(_start(work, limits))
            for child in children:
                if child.item is None and waiting:
                    _assign(child, waiting.popleft(), items, limits)
            for child in _ready(children):
                number, outcome, alive = _collect(child, items, limits)
                if not alive:
                    _stop(child)
                    children.remove(child)
                yield number, outcome
    finally:
        for child in children:
            _stop(child)


def _start(work: Callable[..., Any], limits: Limits) -> _Child:
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=_serve, args=(theirs, work, limits), daemon=True)
    with _without_main():
        process.start()
    theirs.close()
    child = _Child(process, ours)
    try:
        if ours.poll(_START_S) and ours.recv() == "ready":
            return child
        reason = f"nothing heard within {_START_S} s; is the machine overloaded?"
    except EOFError:
        process.join(_START_S)
        reason = f"{_last_words(process.exitcode)}; its error is above"
    _stop(child)
    raise RuntimeError(f"a decoding process did not start: {reason}")


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Else every child would import the running program again, which none has a use for."""
    main, sys.modules["__main__"] = sys.modules["__main__"], types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _assign(child: _Child, number: int, items: Sequence[tuple[Any, ...]], limits: Limits) -> None:
    child.item, child.deadline = number, time.monotonic() + limits.timeout_s
    with contextlib.suppress(BrokenPipeError):  # it died between two videos: found on collecting
        child.pipe.send(items[number])


def _ready(children: Sequence[_Child]) -> list[_Child]:
    """Children that answered, died or are out of time; waits for the first of them."""
    busy = [child for child in children if child.item is not None]
    rest = min(child.deadline for child in busy) - time.monotonic()
    heard = wait([child.pipe for child in busy], timeout=max(0.0, rest))
    now = time.monotonic()
    return [child for child in busy if child.pipe in heard or child.deadline <= now]


def _collect(
    child: _Child, items: Sequence[tuple[Any, ...]], limits: Limits
) -> tuple[int, Any, bool]:
    """Number of the item, its outcome, and whether the child can go on."""
    assert child.item is not None  # noqa: S101  only busy children are collected
    number, child.item = child.item, None
    path = Path(items[number][0])
    if not child.pipe.poll():
        reason = f"took longer than {limits.timeout_s:g} s"
        return number, DamagedVideo(path, "timeout", reason), False
    try:
        kind, outcome = child.pipe.recv()
    except (EOFError, ConnectionResetError):
        child.process.join(_START_S)
        return number, DamagedVideo(path, "crashed", _last_words(child.process.exitcode)), False
    if kind == "memory":
        reason = f"needed more than {limits.memory_mb} MiB of memory"
        return number, DamagedVideo(path, "out_of_memory", reason), False
    if kind == "error":
        raise RuntimeError(f"{path}: decoding failed for a reason that lies with us\n{outcome}")
    return number, outcome, True


def _last_words(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"the decoding process was ended by {signal.Signals(-exitcode).name}"
    return f"the decoding process ended with exit code {exitcode}"


def _stop(child: _Child) -> None:
    child.process.kill()
    child.process.join()
    child.process.close()
    child.pipe.close()


def _serve(pipe: Connection, work: Callable[..., Any], limits: Limits) -> None:
    """The child: answer calls until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its children itself
    most = limits.memory_mb * _MIB
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    pipe.send("ready")
    while True:
        try:
            item = pipe.recv()
        except EOFError:
            return
        # Should the parent be killed, nobody else ends a child that hangs.
        signal.alarm(math.ceil(limits.timeout_s) + _START_S)
        answer = _answer(work, item)
        signal.alarm(0)
        pipe.send(answer)


def _answer(work: Callable[..., Any], item: tuple[Any, ...]) -> tuple[str, Any]:
    try:
        return "done", work(*item)
    except (DamagedVideo, FileNotFoundError) as outcome:
        return "done", outcome
    except MemoryError:
        return "memory", None
    except Exception as error:  # noqa: BLE001  told to the parent, which raises it
        if any(words in str(error) for words in _OUT_OF_MEMORY):
            return "memory", None
        return "error", traceback.format_exc()
