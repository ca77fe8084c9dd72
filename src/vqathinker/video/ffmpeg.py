"""The ffmpeg program: the one in the pinned package imageio-ffmpeg, whatever is on the PATH.

Encoders give other bytes in other versions, and every number of the demo follows from them. So
another program is used only where `data.demo.ffmpeg` names it, and recorded in the set's receipt.
"""

import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

from vqathinker.errors import InputError
from vqathinker.programs import OLDEST, UnusableError, require_program

__all__ = ["describe_ffmpeg", "ffmpeg_binary", "other_ffmpeg"]

# What the demo's videos are made with, as `ffmpeg -encoders` and `ffmpeg -filters` list it.
_REQUIRED = {
    "encoders": {"libvpx-vp9", "libx264", "libx265"},
    "filters": {
        *("crop", "format", "fps", "gblur", "hflip", "hue", "life", "loop", "lutyuv"),
        *("mandelbrot", "noise", "scale", "select", "setsar", "sierpinski", "split"),
        *("testsrc", "testsrc2", "tpad", "trim", "vflip"),
    },
}


@cache
def ffmpeg_binary() -> str:
    """Path of the pinned ffmpeg program.

    Raises:
        FileNotFoundError: imageio-ffmpeg has no program for this platform.
    """
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
        InputError: it is absent or too old, or lacks an encoder or filter.
    """
    remedy = "name another program, or null for the pinned one"
    try:
        path = require_program(program, OLDEST["ffmpeg"])
    except UnusableError as error:
        raise InputError(f"data.demo.ffmpeg: {error}; {remedy}") from None
    for kind, required in _REQUIRED.items():
        if lacking := required - _listed(path, kind):
            raise InputError(
                f"data.demo.ffmpeg: {path} lacks the {kind} {', '.join(sorted(lacking))}; {remedy}"
            )
    return path


def describe_ffmpeg(other: str | None) -> dict[str, str]:
    """Version of the program that makes videos, and where it is from.

    Args:
        other: `data.demo.ffmpeg`.
    """
    path = ffmpeg_binary() if other is None else other_ffmpeg(other)
    words = _ask(path, "-version").partition("\n")[0].split()
    origin = f"imageio-ffmpeg {version('imageio-ffmpeg')}" if other is None else path
    return {"version": words[2] if len(words) > 2 else "unknown", "from": origin}


def _listed(path: str, kind: str) -> set[str]:
    """Names of a list of ffmpeg, which stand behind each line's flags."""
    rows = (line.split() for line in _ask(path, f"-{kind}").splitlines())
    return {row[1] for row in rows if len(row) > 1}


def _ask(path: str, question: str) -> str:
    command = [path, "-hide_banner", question]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.stdout.decode(errors="replace")
