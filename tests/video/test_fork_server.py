"""The fork server starts whatever TMPDIR is, or says what to do."""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from vqathinker.video import fork_server
from vqathinker.video.limits import Limits, WorkerStartError
from vqathinker.video.workers import run_in_workers

PROBE = """
import sys
from pathlib import Path
from vqathinker.video.probe import probe_all
print(*probe_all([Path(sys.argv[1])]))
"""


def probe_with(temporary_folder: Path | str, path: Path) -> str:
    """What a process with that TMPDIR says of a video."""
    command = [sys.executable, "-c", PROBE, path]
    environment = os.environ | {"TMPDIR": str(temporary_folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", [150 * "x", 100 * "é", "my folder"])
def test_a_temporary_folder_may_have_a_long_name_or_a_blank(
    mp4: Path, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    assert probe_with(folder, mp4).startswith("Probe(width=96")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("folder", ["/nowhere/at/all", "/proc", "/etc/passwd", ""])
def test_a_temporary_folder_that_cannot_be_used_is_passed_over(mp4: Path, folder: str) -> None:
    assert probe_with(folder, mp4).startswith("Probe(width=96")


def test_a_folder_is_used_as_long_as_a_socket_fits_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux has 107 bytes for a socket's path, 32 of which multiprocessing needs."""
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        for length in range(70, 80):
            folder = Path(short) / ("x" * (length - len(short) - 1))
            folder.mkdir()
            monkeypatch.setattr(tempfile, "tempdir", str(folder))
            with fork_server._short_temporary_folder():
                own = Path(tempfile.mkdtemp(prefix="pymp-"))
            assert own.is_relative_to(folder) == (length <= 75)
            assert own.stat().st_mode & 0o777 == 0o700
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(own / "listener-12345678"))
                (own / "listener-12345678").unlink()
            own.rmdir()
            assert tempfile.tempdir == str(folder)


def test_where_no_short_folder_can_be_written_the_variable_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / (120 * "x")))
    monkeypatch.setattr(fork_server, "_SHORT_FOLDERS", ("/nowhere",))
    with pytest.raises(WorkerStartError, match=r"TMPDIR: .*x is too long .* at most 75 bytes"):
        list(run_in_workers(os.path.basename, [(Path("a.mp4"),)], Limits(3600, 600)))


def test_where_there_is_no_temporary_folder_at_all_that_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/a', '/b']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(WorkerStartError, match=r"did not start: .* No usable temporary directory"):
        list(run_in_workers(os.path.basename, [(Path("a.mp4"),)], Limits(3600, 600)))
