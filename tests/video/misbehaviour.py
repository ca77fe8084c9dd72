"""What videos do to the workers of test_workers.py and test_shard.py."""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from vqathinker.video.damage import DamagedVideo
from vqathinker.video.disturbance import Disturbance, DisturbedJobError
from vqathinker.video.sampling import ClipSetting
from vqathinker.video.shard_task import decode_into_row

__all__ = ["MEETING", "ClockThatJumps", "behave", "decode_unless_blocked", "tries"]

MEETING = 3  # workers


class ClockThatJumps:
    """Stands still until a worker has added a byte to the file `sign`; then an hour has gone by.

    So a time limit is reached when a worker is known to hang, however long that takes, and never
    by one that is only slow.
    """

    def __init__(self, sign: Path) -> None:
        self.sign = sign

    def __call__(self) -> float:
        time.sleep(0.001)  # whoever asks again and again leaves the processor to the others
        return 3600.0 * tries(self.sign)


def tries(path: Path) -> int:
    """How often something was tried that says so in the file `path`."""
    return path.stat().st_size if path.exists() else 0


def count_try(path: Path) -> int:
    with path.open("ab") as file:
        file.write(b"x")
    return tries(path)


def hang(path: Path) -> None:
    count_try(path)
    while True:
        signal.pause()


def spin(path: Path) -> None:
    """Takes processor time; by the clock only the first try is late."""
    if tries(path) == 0:
        count_try(path)
    while True:
        pass


def once(path: Path, behave_first: Callable[[Path], object]) -> str:
    """The first try goes wrong, every other one well."""
    if count_try(path) == 1:
        behave_first(path)
    return f"{path} {os.getpid()}"


def kill(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def disturb(path: Path) -> None:
    raise Disturbance(path, "the disk stalls", "wait")


def fail(path: Path) -> None:
    raise DisturbedJobError(f"{path}: cannot be written")


def meet(path: Path) -> int:
    """Come back when as many as `MEETING` are here at the same time."""
    path.touch()
    while len(list(path.parent.iterdir())) < MEETING:
        time.sleep(0.01)
    return os.getpid()


def run_out_of_memory_like_torch(_: Path) -> None:
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate ...")


def damaged(path: Path) -> None:
    raise DamagedVideo(path, "corrupt", "frame 3 is corrupt")


def gone(path: Path) -> None:
    raise FileNotFoundError(path)


BEHAVIOURS: dict[str, Callable[[Path], object]] = {
    "well": lambda path: f"{path} {os.getpid()}",
    "hang": hang,
    "spin": spin,
    "meet": meet,
    "out of memory": lambda _: bytearray(2 * 1024**3),
    "out of memory like torch": run_out_of_memory_like_torch,
    "crash": lambda _: ctypes.string_at(0),
    "exit": lambda _: os._exit(7),
    "damaged": damaged,
    "gone": gone,
    "bug": lambda _: 1 / 0,
    "kill": kill,
    "killed once": lambda path: once(path, kill),
    "hangs once": lambda path: once(path, lambda _: signal.pause()),
    "disturb": disturb,
    "disturbed once": lambda path: once(path, disturb),
    "crashes once": lambda path: once(path, lambda _: ctypes.string_at(0)),
    "out of memory once": lambda path: once(path, lambda _: bytearray(2 * 1024**3)),
    "fail": fail,
    "tell the alarm": lambda _: signal.alarm(0),
}


def behave(path: Path, behaviour: str) -> object:
    """Do as told."""
    return BEHAVIOURS[behaviour](path)


def decode_unless_blocked(
    file: str, shape: ClipSetting, expected_frames: int, reader: str, rows_path: Path, row: int
) -> object:
    """What a shard's workers do, but a video called blocked never comes out of its reader."""
    if Path(file).stem == "blocked":
        hang(Path(file).with_suffix(".sign"))
    return decode_into_row(file, shape, expected_frames, reader, rows_path, row)
