"""What one video may take, and whether this process may give it that.

A worker limits its own memory, so that a video that needs too much is told from one that is fine.
Where the shell or the batch system allows a process less than that, healthy videos would be called
damaged: then no worker is started, and the error names the limit.
"""

import os
import resource
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "Limits",
    "WorkerStartError",
    "limit_data",
    "memory_shortage",
    "raise_memory_limits",
    "system_limits",
]

_MIB = 1024**2
# Option of `ulimit`, what it limits, and the unit in which it speaks.
_SYSTEM_LIMITS = {
    "-d": (resource.RLIMIT_DATA, 1024),
    "-v": (resource.RLIMIT_AS, 1024),
    "-n": (resource.RLIMIT_NOFILE, 1),
    "-u": (resource.RLIMIT_NPROC, 1),
}
# MiB that the libraries take in the process that starts the workers, and a little more (measured:
# 260 and 700). With less they hang or abort without a word.
_NEEDED_BY_PARENT_MB = {"-d": 512, "-v": 1024}
_RAISE = "raise that limit (in a job: ask for more memory)"
_LOWER = ", or for `vqathinker decode` lower clips.memory_mb in params.yaml"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one video may take.

    Attributes:
        timeout_s: seconds by the clock.
        memory_mb: MiB of data (heap and anonymous mappings) of the process, libraries not counted.
    """

    timeout_s: float
    memory_mb: int


class WorkerStartError(RuntimeError):
    """No worker process can be started, for a reason that lies with the machine or with us."""


def raise_memory_limits(memory_mb: int) -> None:
    """Let this process, and so its workers, take as much memory as its hard limits allow.

    The soft limits are defaults that every process may raise. Workers set lower ones of their own.

    Raises:
        WorkerStartError: a hard limit allows less than `memory_mb`, or than this process needs.
    """
    for option, kind in (("-d", "data"), ("-v", "address space")):
        limit, _ = _SYSTEM_LIMITS[option]
        _, hard = resource.getrlimit(limit)
        parent_mb = _NEEDED_BY_PARENT_MB[option]
        needed_mb = max(memory_mb, parent_mb)
        if hard != resource.RLIM_INFINITY and hard < needed_mb * _MIB:
            raise WorkerStartError(
                f"`ulimit -H {option}` allows a process {hard // _MIB} MiB of {kind}, decoding "
                f"needs {needed_mb} MiB: {_RAISE}{_LOWER if memory_mb > parent_mb else ''}"
            )
        resource.setrlimit(limit, (hard, hard))


def limit_data(memory_mb: int) -> None:
    """Allow this process `memory_mb` MiB of data from now on, and no more ever again."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory_mb * _MIB, memory_mb * _MIB))


def memory_shortage(memory_mb: int) -> str | None:
    """Why this process, a worker before its first video, cannot have `memory_mb` MiB, or None.

    Libraries count in the address space; how much they map differs from one torch to the next.
    """
    mapped, *_, data, _ = (
        int(pages) * os.sysconf("SC_PAGE_SIZE")
        for pages in Path("/proc/self/statm").read_text().split()
    )
    if data > memory_mb * _MIB:
        return (
            f"it takes {data // _MIB} MiB before its first video, {memory_mb} MiB are allowed: "
            "raise clips.memory_mb in params.yaml"
        )
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    needed = mapped - data + memory_mb * _MIB
    if allowed == resource.RLIM_INFINITY or needed <= allowed:
        return None
    return (
        f"`ulimit -H -v` allows a process {allowed // _MIB} MiB of address space, decoding "
        f"needs {-(-needed // _MIB)} MiB, libraries included: {_RAISE}{_LOWER}"
    )


def system_limits() -> str:
    """The limits of this process that may keep another one from starting, as `ulimit` has them."""
    limits = []
    for option, (limit, unit) in _SYSTEM_LIMITS.items():
        soft, _ = resource.getrlimit(limit)
        if soft != resource.RLIM_INFINITY:
            limits.append(f"ulimit {option} {soft // unit}")
    return ", ".join(limits) or "none"
