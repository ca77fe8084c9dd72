"""Children that hang, swell or crash: each gets its name, and the others go on."""

import os
import sys
import time
from pathlib import Path

import pytest

from vqathinker.video.damage import DamagedVideo
from vqathinker.video.workers import Limits, run_in_workers

# Children find functions by the name of their module.
sys.path.insert(0, str(Path(__file__).parent))
from misbehaviour import behave

LIMITS = Limits(timeout_s=30, memory_mb=600)


def run(*how: str, limits: Limits = LIMITS, workers: int = 1) -> dict[int, object]:
    items = [(Path(f"{number}.mp4"), name) for number, name in enumerate(how)]
    return dict(run_in_workers(behave, items, limits, workers))


@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [
        ("swell", "out_of_memory", "needed more than 600 MiB of memory"),
        ("swell like torch", "out_of_memory", "needed more than 600 MiB of memory"),
        ("crash", "crashed", "the decoding process was ended by SIGSEGV"),
        ("exit", "crashed", "the decoding process ended with exit code 7"),
        ("damaged", "corrupt", "frame 3 is corrupt"),
    ],
)
def test_what_goes_wrong_has_a_name_and_the_next_video_is_worked_on(
    how: str, status: str, reason: str
) -> None:
    found = run(how, "well")
    assert isinstance(found[0], DamagedVideo)
    assert (found[0].path, found[0].status, found[0].reason) == (Path("0.mp4"), status, reason)
    assert str(found[1]).startswith("1.mp4")


@pytest.mark.parametrize("how", ["hang", "spin"])
def test_what_takes_too_long_is_given_up(how: str) -> None:
    started = time.monotonic()
    found = run(how, "well", limits=Limits(timeout_s=1, memory_mb=600))
    assert time.monotonic() - started < 20
    assert isinstance(found[0], DamagedVideo)
    assert (found[0].status, found[0].reason) == ("timeout", "took longer than 1 s")
    assert str(found[1]).startswith("1.mp4")


def test_a_missing_file_comes_back_as_such() -> None:
    assert isinstance(run("gone")[0], FileNotFoundError)


def test_a_mistake_of_ours_is_not_blamed_on_the_video() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)0\.mp4: .* lies with us.*ZeroDivisionError"):
        run("bug")


def test_one_child_works_on_many_videos() -> None:
    found = run(*["well"] * 20)
    assert list(found) == list(range(20))
    assert len({str(outcome).split()[1] for outcome in found.values()}) == 1


def test_several_children_work_at_a_time_and_no_result_is_lost() -> None:
    found = run(*["well", "exit", "damaged", "well"] * 5, workers=3)
    assert sorted(found) == list(range(20))
    assert len({str(o).split()[1] for o in found.values() if isinstance(o, str)}) > 1


def test_nothing_to_do_starts_nothing() -> None:
    assert run() == {}


def test_no_child_outlives_the_work() -> None:
    found = run_in_workers(behave, [(Path("a"), "well"), (Path("b"), "hang")], LIMITS)
    _, said = next(found)
    found.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(said.split()[1]), 0)


def test_a_child_that_hangs_ends_itself_when_nobody_is_left_to_end_it() -> None:
    """The child's own alarm, which the kernel keeps, is a minute behind the time limit."""
    assert 30 < float(str(run("tell the alarm")[0])) <= 91


def test_a_function_that_a_child_cannot_import_is_told_at_once() -> None:
    with pytest.raises(RuntimeError, match="a decoding process did not start"):
        list(run_in_workers(run, [(Path("a.mp4"),)], LIMITS))
