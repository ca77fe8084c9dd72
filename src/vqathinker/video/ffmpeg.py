"""Find the ffmpeg program: that of the pinned package imageio-ffmpeg, regardless of the PATH.

Encoders of other versions produce other bytes, and all results of the demo depend on them. Another
program is used only if `data.demo.ffmpeg` names it. The receipt of the set records it.
"""

import re
import shutil
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

from vqathinker.errors import InputError

_MIN_VERSION = 6  # the first major version with -display_rotation


@cache
def ffmpeg_binary() -> str:
    """Path of the pinned ffmpeg; raises FileNotFoundError if there is none for this platform."""
    import imageio_ffmpeg  # noqa: PLC0415  of the extra `data`

    # Not get_ffmpeg_exe(): it prefers IMAGEIO_FFMPEG_EXE and falls back to conda and the PATH.
    folder = Path(imageio_ffmpeg.__file__).parent / "binaries"
    found = sorted(folder.glob("ffmpeg-*"))
    if not found:
        raise FileNotFoundError(
            f"{folder}: the package imageio-ffmpeg has no ffmpeg for this platform; set "
            "data.demo.ffmpeg in params.yaml to your own"
        )
    return str(found[0])


@cache
def configured_ffmpeg(program: str) -> str:
    """Path of the program in `data.demo.ffmpeg`, which is a path or a command name.

    Raises:
        InputError: the program does not exist or is too old.
    """
    path = shutil.which(program)
    # Builds from git have a revision instead of a version; they are accepted.
    found = re.match(r"n?(\d+)\.", _version_of(path)) if path else None
    if path is None or (found and int(found[1]) < _MIN_VERSION):
        state = "no such program" if path is None else f"version {_version_of(path)}"
        raise InputError(
            f"data.demo.ffmpeg: {program}: {state}; expected version {_MIN_VERSION} or newer: set "
            "another program, or null for the pinned one"
        )
    return path


def describe_ffmpeg(other: str | None) -> dict[str, str]:
    """Version and origin of the program that encodes videos; `other` is `data.demo.ffmpeg`."""
    path = ffmpeg_binary() if other is None else configured_ffmpeg(other)
    origin = f"imageio-ffmpeg {version('imageio-ffmpeg')}" if other is None else path
    return {"version": _version_of(path), "from": origin}


def _version_of(path: str) -> str:
    command = [path, "-hide_banner", "-version"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    words = done.stdout.decode(errors="replace").partition("\n")[0].split()
    return words[2] if len(words) > 2 else "unknown"
