"""External programs of the tests: what is absent or too old skips a test, and nothing else does."""

import shutil
import subprocess

import pytest

from vqathinker.programs import OLDEST, UnusableError, require_program

__all__ = ["latex_or_skip", "program_or_skip", "why_absent"]

# Oldest version, which replaces that of `vqathinker.programs`; Debian's package.
NEEDED = {
    "chromium": ((111,), "chromium"),  # color-mix() of the page's style
    "git": ((2, 28), "git"),  # init -b
    "kpsewhich": ((), "texlive-binaries"),
    "make": ((), "make"),
    "munged": ((), "munge"),
    "pdflatex": ((), "texlive-latex-base"),
    "scontrol": (OLDEST["scontrol"], "slurm-client"),
    "slurmctld": ((), "slurmctld"),
    "slurmd": ((), "slurmd"),
    "squeue": (OLDEST["squeue"], "slurm-client"),
    "unshare": ((), "util-linux"),
}


def why_absent(*names: str) -> str | None:
    """Why these programs cannot be used, and what to install; None where all can."""
    for name in names:
        oldest, package = NEEDED[name]
        try:
            require_program(name, oldest)
        except UnusableError as error:
            return f"{error}: install Debian's package {package}"
    return None


def program_or_skip(*names: str) -> str:
    """Path of the first of these programs; the test is skipped where one of them is missing."""
    if why := why_absent(*names):
        pytest.skip(why)
    path = shutil.which(names[0])
    assert path is not None
    return path


def latex_or_skip(*styles: str) -> str:
    """Path of pdflatex; the test is skipped where it or one of these style files is missing."""
    program = program_or_skip("pdflatex", "kpsewhich")
    for style in styles:
        found = subprocess.run(["kpsewhich", style], capture_output=True, check=False).stdout
        if not found.strip():
            package = "texlive-latex-recommended"
            pytest.skip(f"TeX has no {style}: install Debian's package {package}")
    return program
