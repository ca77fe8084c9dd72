"""Progress is shown to people, and to nobody else."""

import os
import pty
import subprocess
import sys

CODE = """
from vqathinker.acquisition.transfer.progress import progress_bar
with progress_bar("set/[archive].zip") as report:
    report(500_000, 1_000_000)
    report(1_000_000, 1_000_000)
"""


def test_a_log_file_holds_no_bar() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


def test_a_terminal_shows_name_and_bytes() -> None:
    reading, writing = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    try:
        subprocess.run([sys.executable, "-c", CODE], stderr=writing, env=environment, check=True)
        shown = os.read(reading, 65536).decode()
    finally:
        os.close(reading)
        os.close(writing)
    assert "set/[archive].zip" in shown
    assert "1.0/1.0 MB" in shown
