"""External programs: the one place that looks them up, and the oldest version that works."""

import re
import shutil
import subprocess
from typing import Final

__all__ = ["OLDEST", "UnusableError", "find_program", "require_program"]

Version = tuple[int, ...]

# An empty version stands for any.
OLDEST: Final[dict[str, Version]] = {
    "dvc": (),  # a package, which pyproject.toml pins
    "ffmpeg": (6, 0),  # -display_rotation
    "git": (1, 8, 5),  # -C
    # Debian 12's, which the tests run. A site chooses its own, and an older one is not refused.
    "scontrol": (22, 5),
    "squeue": (22, 5),
}


class UnusableError(RuntimeError):
    """A program is absent, or too old; says which, and what was expected."""


def find_program(name: str) -> str | None:
    """Path of a program of `OLDEST`, whatever its version; None where the PATH has none."""
    if name not in OLDEST:
        raise ValueError(f"programs.OLDEST has no row {name!r}; add one with its oldest version")
    return shutil.which(name)


def require_program(program: str, oldest: Version) -> str:
    """Path of a program that is new enough.

    A version without numbers, as of a build from a git revision, counts as new enough.

    Args:
        program: a name to look up on the PATH, or a path.
        oldest: version that works; empty for any.

    Raises:
        UnusableError: it is absent, or older.
    """
    wanted = f"version {_text(oldest)} or newer" if oldest else "any version"
    path = shutil.which(program)
    if path is None:
        raise UnusableError(f"there is no program {program}; expected {wanted}")
    version = _read_version(path) if oldest else ()
    if version and version < oldest:
        raise UnusableError(f"{path} is version {_text(version)}; expected {wanted}")
    return path


def _read_version(path: str) -> Version:
    """The version that a program reports; empty where it reports none."""
    command = [path, "--version"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError:
        return ()
    # ffmpeg does not know the option and reports its version all the same, on stderr.
    line = (done.stdout or done.stderr).decode(errors="replace").partition("\n")[0]
    found = re.search(r"(?<![\w.])n?(\d+(?:\.\d+)+)", line)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def _text(version: Version) -> str:
    return ".".join(map(str, version))
