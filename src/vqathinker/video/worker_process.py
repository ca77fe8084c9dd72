"""One worker process: it answers calls, one at a time, until it ends or is ended.

What went wrong with a call is told apart here, not judged; `workers` does that.
"""

import contextlib
import math
import resource
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Literal

from vqathinker.video.damage import DamagedVideo
from vqathinker.video.disturbance import Disturbance, DisturbedJobError
from vqathinker.video.fork_server import start_process
from vqathinker.video.limits import (
    Limits,
    WorkerStartError,
    limit_data,
    memory_shortage,
    raise_memory_limits,
    system_limits,
)

__all__ = ["Setback", "WorkerProcess", "describe_exit", "wait_for_workers"]

# For what is no fault of a video: a worker's imports from a slow disk, a machine that is busy.
_GRACE_S = 600
# torch says so in a RuntimeError; everything else raises MemoryError.
_OUT_OF_MEMORY_MESSAGES = ("can't allocate memory", "not enough memory")


@dataclass(frozen=True, slots=True)
class Setback:
    """A call that came to no result.

    Attributes:
        what: no answer in time, the process ended, no memory was left, or something outside.
        exitcode: of the process that ended, negative for a signal.
        disturbance: what was outside.
    """

    what: Literal["late", "ended", "memory", "disturbed"]
    exitcode: int | None = None
    disturbance: Disturbance | None = None


_LOOK_AGAIN_S = 1.0  # at the clock, which may have jumped: a machine sleeps


class WorkerProcess:
    """A worker process.

    Attributes:
        item: number of the item that it works on, or None.
        deadline: when that must be done.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        limits: Limits,
        call_s: float,
        processor_s: float | None = None,
    ) -> None:
        """Start the process.

        Args:
            function: that it calls.
            limits: of each call.
            call_s: seconds that a call may last by the clock.
            processor_s: seconds of processor time after which the system ends it; None: no limit.

        Raises:
            WorkerStartError: it does not start, or does not get as much memory as `limits` say.
        """
        raise_memory_limits(limits.memory_mb)
        self.item: int | None = None
        self.deadline = math.inf
        self._call_s = call_s
        self._process, self._pipe = start_process(
            _answer_calls, function, limits.memory_mb, call_s, processor_s
        )
        try:
            if self._pipe.poll(_GRACE_S):
                reason = self._pipe.recv()
                if reason is None:
                    return
            else:
                reason = f"nothing heard within {_GRACE_S} s; is the machine overloaded?"
        except EOFError:
            self._process.join(_GRACE_S)
            ended = describe_exit(self._process.exitcode)
            reason = f"{ended}; its error is above; limits here: {system_limits()}"
        self.stop()
        raise WorkerStartError(f"a decoding process did not start: {reason}")

    def assign(self, number: int, item: tuple[Any, ...], now: float) -> None:
        """Have the function called with `item`; `now` is what the clock says."""
        self.item, self.deadline = number, now + self._call_s
        with contextlib.suppress(BrokenPipeError):  # it died meanwhile: found on collecting
            self._pipe.send(item)

    def collect(self) -> Any:
        """What came of the call: its result, the FileNotFoundError or DamagedVideo, or a Setback.

        Raises:
            DisturbedJobError: as the function raised it.
            RuntimeError: the function raised anything else.
        """
        self.item = None
        if not self._pipe.poll():  # an answer that came just now still counts
            return Setback("late")
        try:
            kind, outcome = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join(_GRACE_S)
            return Setback("ended", exitcode=self._process.exitcode)
        if kind == "error":
            raise RuntimeError(outcome)
        if isinstance(outcome, DisturbedJobError):
            raise outcome
        return outcome

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()

    def wait_on(self) -> Connection:
        """What becomes readable when there is something to collect."""
        return self._pipe


def wait_for_workers(
    workers: Sequence[WorkerProcess], clock: Callable[[], float]
) -> list[WorkerProcess]:
    """Workers that answered, died or are out of time; waits until then for the first of them."""
    busy = [worker for worker in workers if worker.item is not None]
    while True:
        seconds_left = min(worker.deadline for worker in busy) - clock()
        patience = min(_LOOK_AGAIN_S, max(0.0, seconds_left))
        answered = wait([worker.wait_on() for worker in busy], timeout=patience)
        now = clock()
        done = [w for w in busy if w.wait_on() in answered or w.deadline <= now]
        if done:
            return done


def describe_exit(exitcode: int | None) -> str:
    """How a process ended, in words."""
    if exitcode is not None and exitcode < 0:
        return f"the decoding process was ended by {signal.Signals(-exitcode).name}"
    return f"the decoding process ended with exit code {exitcode}"


def _answer_calls(
    pipe: Connection,
    function: Callable[..., Any],
    memory_mb: int,
    call_s: float,
    processor_s: float | None,
) -> None:
    """The worker process: answer calls until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers itself
    shortage = memory_shortage(memory_mb)
    limit_data(memory_mb)
    if processor_s is not None:
        _limit_processor_time(processor_s)
    pipe.send(shortage)  # None: ready
    while True:
        try:
            item = pipe.recv()
        except EOFError:
            return
        # Should the parent be killed, nobody else ends a worker that hangs.
        signal.alarm(math.ceil(call_s) + _GRACE_S)
        answer = _call_function(function, item)
        signal.alarm(0)
        pipe.send(answer)


def _limit_processor_time(seconds: float) -> None:
    """Let the system end this process with SIGXCPU after that many more seconds."""
    limit = math.ceil(time.process_time() + seconds)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    # At a lower hard limit, which is the shell's, it comes to SIGKILL.
    soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _call_function(function: Callable[..., Any], item: tuple[Any, ...]) -> tuple[str, Any]:
    try:
        return "done", function(*item)
    except (DamagedVideo, FileNotFoundError, DisturbedJobError) as outcome:
        return "done", outcome
    except Disturbance as disturbance:
        return "done", Setback("disturbed", disturbance=disturbance)
    except MemoryError:
        return "done", Setback("memory")
    except Exception as error:  # noqa: BLE001  told to the parent, which raises it
        if any(message in str(error) for message in _OUT_OF_MEMORY_MESSAGES):
            return "done", Setback("memory")
        why = f"decoding failed for a reason that lies with us\n{traceback.format_exc()}"
        return "error", f"{item[0]}: {why}"
