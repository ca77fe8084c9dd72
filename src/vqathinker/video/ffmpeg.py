"""The ffmpeg program: the one in the pinned package imageio-ffmpeg, whatever is on the PATH.

Encoders give other bytes in other versions, and every number of the demo follows from them. So
another program is used only if `data.demo.ffmpeg` names it, and recorded in the set's receipt.
"""

import re
import shutil
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

from vqathinker.errors import InputError

_OLDEST = 6  # major version that first has -display_rotation


@cache
def ffmpeg_binary() -> str:
    """Path of the pinned ffmpeg program. Raises FileNotFoundError: none for this platform."""
    import imageio_ffmpeg  # noqa: PLC0415  of the extra `data`

    # Its get_ffmpeg_exe() takes IMAGEIO_FFMPEG_EXE first, and falls back on conda and the PATH.
    folder = Path(imageio_ffmpeg.__file__).parent / "binaries"
    found = sorted(folder.glob("ffmpeg-*"))
    if not found:
        raise FileNotFoundError(
            f"{folder}: the package imageio-ffmpeg has no ffmpeg for this platform; name one of "
            "your own with data.demo.ffmpeg in params.yaml"
        )
    return str(found[0])


@cache
def other_ffmpeg(program: str) -> str:
    """Path of the program that `data.demo.ffmpeg` names, a path or a name on the PATH.

    Raises:
        InputError: it is absent or too old.
    """
    path = shutil.which(program)
    found = re.match(r"n?(\d+)\.", _version_of(path)) if path else None  # a git revision has none
    if path is None or (found and int(found[1]) < _OLDEST):
        state = "no such program" if path is None else f"version {_version_of(path)}"
        raise InputError(
            f"data.demo.ffmpeg: {program}: {state}; expected version {_OLDEST} or newer: name "
            "another program, or null for the pinned one"
        )
    return path


def describe_ffmpeg(other: str | None) -> dict[str, str]:
    """Version and origin of the program that makes videos; `other` is `data.demo.ffmpeg`."""
    path = ffmpeg_binary() if other is None else other_ffmpeg(other)
    origin = f"imageio-ffmpeg {version('imageio-ffmpeg')}" if other is None else path
    return {"version": _version_of(path), "from": origin}


def _version_of(path: str) -> str:
    command = [path, "-hide_banner", "-version"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    words = done.stdout.decode(errors="replace").partition("\n")[0].split()
    return words[2] if len(words) > 2 else "unknown"
