"""Paths of options are tried before any work, and the trial leaves nothing behind."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from vqathinker.cli.paths import folder_to_write, require_writable

KILLED = """
import os, signal, sys
from pathlib import Path
from vqathinker.cli.paths import require_writable
os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
require_writable(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("name", ["out.csv", "new/out.csv"])
def test_a_killed_trial_is_cleaned_up_by_the_next(tmp_path: Path, name: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / name)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    require_writable(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_this_folder_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert folder_to_write()["parser"](".") == Path()
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="too long"):
        require_writable(tmp_path / ("a" * 250))
