"""External programs that must be new enough."""

import re
import shutil
import subprocess
from typing import Final

Version = tuple[int, ...]

OLDEST: Final[dict[str, Version]] = {
    "ffmpeg": (6, 0),  # -display_rotation
    # Debian 12's, which the tests run.
    "scontrol": (22, 5),
    "squeue": (22, 5),
}


class UnusableError(RuntimeError):
    """A program is absent or too old; the message says which version is expected."""


def require_program(program: str, oldest: Version) -> str:
    """Path of a program on the PATH whose version is at least `oldest`; `()` accepts any.

    A version without numbers, as of a build from a git revision, counts as new enough.

    Raises:
        UnusableError: it is absent or older.
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
    command = [path, "--version"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    # ffmpeg rejects the option and still reports its version, on stderr.
    line = (done.stdout or done.stderr).decode(errors="replace").partition("\n")[0]
    found = re.search(r"(?<![\w.])n?(\d+(?:\.\d+)+)", line)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def _text(version: Version) -> str:
    return ".".join(map(str, version))
