"""Jobs that fail in various ways, for test_workers.py and test_shard.py."""

import ctypes
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from vqathinker.video.damage import DamagedVideo, JobError
from vqathinker.video.sampling import ClipSetting
from vqathinker.video.shard import decode_into_row


def attempts(path: Path) -> int:
    """Number of attempts that jobs have counted in the file `path`."""
    return path.stat().st_size if path.exists() else 0


def count_attempt(path: Path) -> int:
    with path.open("ab") as file:
        file.write(b"x")
    return attempts(path)


def once(first: Callable[[Path], object], path: Path) -> str:
    """Fail in the first attempt only."""
    if count_attempt(path) == 1:
        first(path)
    return well(path)


def well(path: Path) -> str:
    return f"{path} {os.getpid()}"


def hang(path: Path) -> None:
    count_attempt(path)
    while True:
        signal.pause()


def spin(_: Path) -> None:
    while True:
        pass


def kill(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crash(_: Path) -> None:
    ctypes.string_at(0)


def run_out_of_memory(_: Path) -> None:
    bytearray(2 * 1024**3)


def run_out_of_memory_like_torch(_: Path) -> None:
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate ...")


def disturb(path: Path) -> None:
    raise JobError(f"{path}: the disk stalls; wait")


def damaged(path: Path) -> None:
    raise DamagedVideo(path, "corrupt", "frame 3 is corrupt")


def gone(path: Path) -> None:
    raise FileNotFoundError(path)


BEHAVIOURS: dict[str, Callable[[Path], object]] = {
    **{f.__name__: f for f in (well, hang, spin, kill, crash, disturb, damaged, gone)},
    "memory": run_out_of_memory,
    "torch memory": run_out_of_memory_like_torch,
    "exit": lambda _: os._exit(7),
    "bug": lambda _: 1 / 0,
    "full disk": lambda path: Path("/dev/full").write_text(f"{path}", encoding="utf-8"),
    "killed once": partial(once, kill),
    "hangs once": partial(once, lambda _: signal.pause()),
    "disturbed once": partial(once, disturb),
    "memory once": partial(once, run_out_of_memory),
    "alarm": lambda _: signal.alarm(0),
}


def behave(path: Path, behaviour: str) -> object:
    return BEHAVIOURS[behaviour](path)


def decode_unless_blocked(
    file: str, shape: ClipSetting, expected_frames: int, reader: str, rows_path: Path, row: int
) -> object:
    """`decode_into_row`, except that it hangs on a video named blocked."""
    if Path(file).stem == "blocked":
        hang(Path(file).with_suffix(".sign"))
    return decode_into_row(file, shape, expected_frames, reader, rows_path, row)
