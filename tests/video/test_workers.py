"""Workers that hang, run out of memory or crash: each gets its name, and the others go on."""

import os
import sys
import types
from pathlib import Path

import pytest

from vqathinker.video.damage import DamagedVideo
from vqathinker.video.disturbance import DisturbedJobError
from vqathinker.video.limits import Limits
from vqathinker.video.workers import run_in_workers

# Workers find functions by the name of their module.
sys.path.insert(0, str(Path(__file__).parent))
from misbehaviour import MEETING, ClockThatJumps, behave, tries

LIMITS = Limits(timeout_s=3600, memory_mb=600)


def run(*behaviours: str, limits: Limits = LIMITS, workers: int = 1) -> dict[int, object]:
    items = [(Path(f"{number}.mp4"), name) for number, name in enumerate(behaviours)]
    return dict(run_in_workers(behave, items, limits, workers))


@pytest.mark.parametrize(
    ("behaviour", "status", "reason"),
    [
        ("out of memory", "out_of_memory", "needed more than 600 MiB of memory"),
        ("out of memory like torch", "out_of_memory", "needed more than 600 MiB of memory"),
        ("crash", "crashed", "the decoding process was ended by SIGSEGV"),
        ("exit", "crashed", "the decoding process ended with exit code 7"),
        ("damaged", "corrupt", "frame 3 is corrupt"),
    ],
)
def test_what_goes_wrong_has_a_name_and_the_next_video_is_worked_on(
    behaviour: str, status: str, reason: str
) -> None:
    found = run(behaviour, "well")
    assert isinstance(found[0], DamagedVideo)
    assert (found[0].path, found[0].status, found[0].reason) == (Path("0.mp4"), status, reason)
    assert str(found[1]).startswith("1.mp4")


def test_what_takes_too_much_processor_time_also_alone_is_given_up(tmp_path: Path) -> None:
    items = [(tmp_path / "endless.mp4", "spin"), (tmp_path / "next.mp4", "well")]
    limits = Limits(timeout_s=1, memory_mb=600)
    clock = ClockThatJumps(tmp_path / "endless.mp4")
    found = dict(run_in_workers(behave, items, limits, clock=clock))
    assert isinstance(found[0], DamagedVideo)
    reason = "took longer than 1 s of processor time"
    assert (found[0].status, found[0].reason) == ("timeout", reason)
    assert str(found[1]).startswith(str(tmp_path / "next.mp4"))


def test_what_waits_for_something_outside_says_nothing_of_the_video(tmp_path: Path) -> None:
    video = tmp_path / "waits.mp4"
    clock = ClockThatJumps(video)
    with pytest.raises(DisturbedJobError, match=r"waits\.mp4 on .*within 40 s.*stalled"):
        list(run_in_workers(behave, [(video, "hang")], Limits(10, 600), clock=clock))
    assert tries(video) == 2


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "behaviour", ["killed once", "disturbed once", "crashes once", "out of memory once"]
)
def test_what_went_wrong_once_is_tried_again_and_forgotten(
    behaviour: str, workers: int, tmp_path: Path
) -> None:
    items = [(tmp_path / "first.mp4", behaviour), (tmp_path / "next.mp4", "well")]
    found = dict(run_in_workers(behave, items, LIMITS, workers))
    assert {number: str(outcome).rpartition(" ")[0] for number, outcome in found.items()} == {
        0: str(tmp_path / "first.mp4"),
        1: str(tmp_path / "next.mp4"),
    }
    assert tries(tmp_path / "first.mp4") == 2


def test_a_stall_that_passes_leaves_no_trace(tmp_path: Path) -> None:
    items = [(tmp_path / "stalled.mp4", "hangs once")]
    clock = ClockThatJumps(tmp_path / "stalled.mp4")
    found = dict(run_in_workers(behave, items, Limits(1000, 600), clock=clock))
    assert str(found[0]).startswith(str(tmp_path / "stalled.mp4"))


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("kill", r"0\.mp4 on .*ended by SIGKILL, twice.*fewer --workers"),
        ("disturb", r"0\.mp4 on .*: the disk stalls; wait"),
        ("fail", r"^0\.mp4: cannot be written$"),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_outside_does_twice_ends_the_job_in_one_line(
    behaviour: str, message: str, workers: int
) -> None:
    with pytest.raises(DisturbedJobError, match=message) as caught:
        run(behaviour, workers=workers)
    assert "\n" not in str(caught.value)


def test_items_stay_in_order_with_one_worker_whatever_is_tried_again(tmp_path: Path) -> None:
    items = [(tmp_path / str(n), name) for n, name in enumerate(["well", "killed once", "well"])]
    assert [number for number, _ in run_in_workers(behave, items, LIMITS)] == [0, 1, 2]


def test_a_missing_file_comes_back_as_such() -> None:
    assert isinstance(run("gone")[0], FileNotFoundError)


def test_a_mistake_of_ours_is_not_blamed_on_the_video() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)0\.mp4: .* lies with us.*ZeroDivisionError"):
        run("bug")


def test_one_worker_takes_many_videos_in_order() -> None:
    found = run(*["well"] * 20)
    assert list(found) == list(range(20))
    assert len({str(outcome).rpartition(" ")[2] for outcome in found.values()}) == 1


def test_several_workers_work_at_the_same_time(tmp_path: Path) -> None:
    items = [(tmp_path / str(number), "meet") for number in range(MEETING)]
    processes = dict(run_in_workers(behave, items, LIMITS, workers=MEETING))
    assert len(set(processes.values())) == MEETING


def test_no_result_is_lost_when_some_of_several_workers_die() -> None:
    found = run(*["well", "exit", "damaged", "well"] * 5, workers=3)
    assert sorted(found) == list(range(20))
    assert sum(isinstance(outcome, str) for outcome in found.values()) == 10


def test_nothing_to_do_starts_nothing() -> None:
    assert run() == {}


def test_no_worker_outlives_the_work(tmp_path: Path) -> None:
    items = [(tmp_path / "a", "well"), (tmp_path / "b", "hang")]
    outcomes = run_in_workers(behave, items, LIMITS)
    _, answer = next(outcomes)
    outcomes.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(answer.rpartition(" ")[2]), 0)


def test_a_worker_that_hangs_ends_itself_when_nobody_is_left_to_end_it() -> None:
    """Its own alarm, which the kernel keeps, comes ten minutes after the time limit."""
    seconds_left = float(str(run("tell the alarm")[0]))
    assert LIMITS.timeout_s < seconds_left <= LIMITS.timeout_s + 600


def test_a_function_that_a_worker_cannot_import_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def decode(path: Path) -> None:
        """Lies in a module that this process alone has."""

    decode.__module__, decode.__qualname__ = "only_here", "decode"
    only_here = types.ModuleType("only_here")
    monkeypatch.setitem(sys.modules, "only_here", only_here)
    monkeypatch.setattr(only_here, "decode", decode, raising=False)
    with pytest.raises(RuntimeError, match=r"a decoding process did not start: .* exit code 1"):
        list(run_in_workers(decode, [(Path("a.mp4"),)], LIMITS))
