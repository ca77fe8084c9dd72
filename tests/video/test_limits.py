"""What the system allows a process: enough, raised where it may be, or one line that names it."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from vqathinker.video.limits import (
    Limits,
    WorkerStartError,
    memory_shortage,
    raise_memory_limits,
    system_limits,
)
from vqathinker.video.workers import run_in_workers

MIB = 1024**2
PROBE_UNDER_LIMIT = """
import os, resource, sys
from pathlib import Path
from vqathinker.video.limits import WorkerStartError
from vqathinker.video.probe import probe_all

name, soft, hard = sys.argv[2], *map(int, sys.argv[3:])
if name == "RLIMIT_NOFILE":
    soft = hard = len(os.listdir("/proc/self/fd"))
resource.setrlimit(getattr(resource, name), (soft, hard))
try:
    print(*probe_all([Path(sys.argv[1])]))
except WorkerStartError as error:
    print(error)
"""


def probe_under(path: Path, limit: str, soft: int = 0, hard: int = 0) -> str:
    """What a process under a limit of the system says of a video."""
    command = [sys.executable, "-c", PROBE_UNDER_LIMIT, path, limit, str(soft), str(hard)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    return done.stdout


@pytest.mark.parametrize("limit", ["RLIMIT_DATA", "RLIMIT_AS"])
def test_a_soft_limit_that_is_too_low_is_raised(mp4: Path, limit: str) -> None:
    found = probe_under(mp4, limit, 300 * MIB, resource.RLIM_INFINITY)
    assert found.startswith("Probe(width=96")


@pytest.mark.parametrize(
    ("limit", "named"),
    [
        ("RLIMIT_DATA", "`ulimit -H -d` allows a process 700 MiB of data"),
        ("RLIMIT_AS", "`ulimit -H -v` allows a process 700 MiB of address space"),
    ],
)
def test_a_hard_limit_that_is_too_low_is_named_with_what_to_do(
    mp4: Path, limit: str, named: str
) -> None:
    assert probe_under(mp4, limit, 700 * MIB, 700 * MIB) == (
        f"{named}, decoding needs 2000 MiB: raise that limit (in a job: ask for more memory), or "
        "for `vqathinker decode` lower clips.memory_mb in params.yaml\n"
    )


def test_libraries_count_in_the_address_space(mp4: Path) -> None:
    found = probe_under(mp4, "RLIMIT_AS", 2001 * MIB, 2001 * MIB)
    assert "did not start: `ulimit -H -v` allows a process 2001 MiB of address space" in found
    assert "libraries included: raise that limit" in found


def test_too_few_files_are_named_as_such(mp4: Path) -> None:
    found = probe_under(mp4, "RLIMIT_NOFILE")
    assert "did not start: [Errno 24] Too many open files; limits here: " in found
    assert "ulimit -n " in found


def test_what_a_worker_takes_before_its_first_video_is_not_blamed_on_the_video() -> None:
    with pytest.raises(WorkerStartError, match=r"before its first video, 1 MiB are allowed: raise"):
        list(run_in_workers(os.path.basename, [(Path("a.mp4"),)], Limits(3600, memory_mb=1)))


def test_without_limits_nothing_is_missing() -> None:
    raise_memory_limits(memory_mb=2000)
    assert memory_shortage(memory_mb=64 * 1024) is None


def test_limits_are_told_in_the_units_of_ulimit() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert f"ulimit -n {soft}" in system_limits()
