"""Workers that hang, crash or run out of memory: failures get a status, others continue."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from tests.video.failing_jobs import attempts, behave

from vqathinker.video.damage import DamagedVideo, JobError
from vqathinker.video.workers import Limits, run_in_workers

LIMITS = Limits(timeout_s=3600, memory_mb=600)


def run(*behaviours: str, limits: Limits = LIMITS, workers: int = 1) -> dict[int, object]:
    items = [(Path(f"{number}.mp4"), name) for number, name in enumerate(behaviours)]
    return dict(run_in_workers(behave, items, limits, workers))


def test_failures_get_status_and_others_a_result() -> None:
    found = run("memory", "torch memory", "well", "crash", "exit", "damaged", "gone", "well")
    videos = {n: one for n, one in found.items() if isinstance(one, DamagedVideo)}
    assert {number: video.status for number, video in videos.items()} == {
        0: "out_of_memory",
        1: "out_of_memory",
        3: "crashed",
        4: "crashed",
        5: "corrupt",
    }
    assert all(video.path == Path(f"{number}.mp4") for number, video in videos.items())
    assert "SIGSEGV" in videos[3].reason
    assert "code 7" in videos[4].reason
    assert isinstance(found[6], FileNotFoundError)
    assert [str(found[number]).split()[0] for number in (2, 7)] == ["2.mp4", "7.mp4"]


def test_exceeding_processor_time_twice_is_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "vqathinker.video.workers._RETRY_TIMEOUT_FACTOR", 1000
    )  # even on a busy machine
    found = run("spin", "well", limits=Limits(timeout_s=1, memory_mb=600))
    assert isinstance(found[0], DamagedVideo)
    assert found[0].status == "timeout"
    assert str(found[1]).startswith("1.mp4")


def test_stalling_is_not_recorded_as_damage(tmp_path: Path) -> None:
    video = tmp_path / "waits.mp4"
    with pytest.raises(JobError, match=r"waits\.mp4"):
        list(run_in_workers(behave, [(video, "hang")], Limits(1, 600)))
    assert attempts(video) == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_single_failures_are_retried(workers: int, tmp_path: Path) -> None:
    kinds = ["killed once", "disturbed once", "memory once", "hangs once"]
    items = [(tmp_path / kind, kind) for kind in kinds] + [(tmp_path / "next", "well")]
    found = dict(run_in_workers(behave, items, Limits(2, 600), workers))
    names = {number: str(found[number]).rpartition(" ")[0] for number in found}
    assert names == {number: str(path) for number, (path, _) in enumerate(items)}
    assert [attempts(tmp_path / kind) for kind in kinds] == [2, 2, 2, 2]


@pytest.mark.parametrize(("behaviour", "named"), [("kill", "SIGKILL"), ("disturb", "disk stalls")])
def test_external_failure_twice_ends_job(behaviour: str, named: str) -> None:
    with pytest.raises(JobError, match=named) as caught:
        run(behaviour, workers=2)
    assert "0.mp4" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bug_is_not_recorded_as_damage() -> None:
    with pytest.raises(RuntimeError, match=r"0\.mp4") as caught:
        run("bug")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_write_error_ends_job() -> None:
    with pytest.raises(OSError, match="No space left"):
        run("full disk", "spin")


def test_single_worker_processes_videos_in_order() -> None:
    found = run(*["well"] * 9)
    assert list(found) == list(range(9))
    assert len({str(outcome).rpartition(" ")[2] for outcome in found.values()}) == 1


def test_workers_end_with_the_iterator(tmp_path: Path) -> None:
    items = [(tmp_path / "a", "well"), (tmp_path / "b", "hang")]
    outcomes = run_in_workers(behave, items, LIMITS)
    _, answer = next(outcomes)
    outcomes.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(answer.rpartition(" ")[2]), 0)


def test_hanging_worker_has_alarm() -> None:
    """The alarm fires after the time limit."""
    seconds_left = float(str(run("alarm")[0]))
    assert LIMITS.timeout_s < seconds_left <= LIMITS.timeout_s + 600


PROBE_UNDER_LIMIT = """
import os, resource, sys
from pathlib import Path
from vqathinker.video.probe import probe_all
from vqathinker.video.workers import WorkerStartError

name, soft, hard = sys.argv[2], *map(int, sys.argv[3:])
if name == "RLIMIT_NOFILE":
    soft = hard = len(os.listdir("/proc/self/fd"))
resource.setrlimit(getattr(resource, name), (soft, hard))
try:
    print(*probe_all([Path(sys.argv[1])]))
except WorkerStartError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("limit", "soft", "hard", "found"),
    [
        ("RLIMIT_DATA", 300, None, "Probe(width=96"),
        ("RLIMIT_DATA", 700, 700, "700 MiB"),
        ("RLIMIT_AS", 2001, 2001, "2001 MiB"),
        ("RLIMIT_NOFILE", 0, 0, "ulimit -n"),
    ],
)
def test_soft_limit_is_raised_and_hard_limit_named(
    mp4: Path, limit: str, soft: int, hard: int | None, found: str
) -> None:
    """With a lower limit, intact videos would count as damaged."""
    mib = 1024**2
    limits = (str(soft * mib), str(resource.RLIM_INFINITY if hard is None else hard * mib))
    command = [sys.executable, "-c", PROBE_UNDER_LIMIT, mp4, limit, *limits]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found in done.stdout
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
