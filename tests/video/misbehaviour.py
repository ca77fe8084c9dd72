"""What the children of test_guard.py do to their parent."""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from vqathinker.video.damage import DamagedVideo

__all__ = ["behave"]


def spin(_: Path) -> None:
    while True:
        pass


def swell_like_torch(_: Path) -> None:
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate ...")


def damaged(path: Path) -> None:
    raise DamagedVideo(path, "corrupt", "frame 3 is corrupt")


def gone(path: Path) -> None:
    raise FileNotFoundError(path)


WAYS: dict[str, Callable[[Path], object]] = {
    "well": lambda path: f"{path} {os.getpid()}",
    "hang": lambda _: time.sleep(60),
    "spin": spin,
    "swell": lambda _: bytearray(2 * 1024**3),
    "swell like torch": swell_like_torch,
    "crash": lambda _: ctypes.string_at(0),
    "exit": lambda _: os._exit(7),
    "damaged": damaged,
    "gone": gone,
    "bug": lambda _: 1 / 0,
    "tell the alarm": lambda _: signal.alarm(0),
}


def behave(path: Path, how: str) -> object:
    """Do as told."""
    return WAYS[how](path)
