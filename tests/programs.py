"""External programs of the tests: an absent one skips a test, and nothing else does."""

import shutil
import subprocess

import pytest

# Debian's package of each program that has another name.
_PACKAGES = {
    "kpsewhich": "texlive-binaries", "munged": "munge", "pdflatex": "texlive-latex-base",
    "scontrol": "slurm-client", "squeue": "slurm-client", "unshare": "util-linux",
}  # fmt: skip


def why_absent(*names: str) -> str | None:
    """The first of these programs that is missing, and what to install; None if none is."""
    for name in names:
        if shutil.which(name) is None:
            return f"no program {name}: install Debian's package {_PACKAGES.get(name, name)}"
    return None


def program_or_skip(*names: str) -> str:
    """Path of the first of these programs; the test is skipped where one of them is missing."""
    if why := why_absent(*names):
        pytest.skip(why)
    return str(shutil.which(names[0]))


def latex_or_skip(*styles: str) -> str:
    """Path of pdflatex; the test is skipped where it or one of these style files is missing."""
    program = program_or_skip("pdflatex", "kpsewhich")
    for style in styles:
        found = subprocess.run(["kpsewhich", style], capture_output=True, check=False).stdout
        if not found.strip():
            package = "texlive-latex-recommended"
            pytest.skip(f"TeX has no {style}: install Debian's package {package}")
    return program
