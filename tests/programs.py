"""External programs of tests; a test is skipped if its program is missing."""

import shutil
import subprocess

import pytest

# Debian packages whose name differs from that of the program.
_PACKAGES = {
    "kpsewhich": "texlive-binaries", "munged": "munge", "pdflatex": "texlive-latex-base",
    "scontrol": "slurm-client", "squeue": "slurm-client", "unshare": "util-linux",
}  # fmt: skip


def missing_program(*names: str) -> str | None:
    """Message about the first missing program, with its package, or None."""
    for name in names:
        if shutil.which(name) is None:
            return f"no program {name}: install Debian's package {_PACKAGES.get(name, name)}"
    return None


def program_or_skip(*names: str) -> str:
    """Path of the first program; skips the test if any of them is missing."""
    if why := missing_program(*names):
        pytest.skip(why)
    return str(shutil.which(names[0]))


def latex_or_skip(*styles: str) -> str:
    """Path of pdflatex; skips the test if it or a style file is missing."""
    program = program_or_skip("pdflatex", "kpsewhich")
    for style in styles:
        found = subprocess.run(["kpsewhich", style], capture_output=True, check=False).stdout
        if not found.strip():
            package = "texlive-latex-recommended"
            pytest.skip(f"TeX has no {style}: install Debian's package {package}")
    return program
