"""Progress is shown to people, and to nobody else."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator

CODE = """
from vqathinker.acquisition.partial import progress_bar
with progress_bar("set/[archive].zip") as report:
    report(500_000, 1_000_000)
    report(1_000_000, 1_000_000)
"""


def test_a_log_file_holds_no_bar():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


def read_terminal(reading: int) -> Iterator[str]:
    """Everything that is written until nobody has the terminal open any more."""
    while True:
        try:
            yield os.read(reading, 65536).decode()
        except OSError:  # Linux's way to say that it is closed
            return


def test_a_terminal_shows_name_and_bytes():
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    reading, writing = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", CODE], stderr=writing, env=environment) as child:
        os.close(writing)
        shown = "".join(read_terminal(reading))
    os.close(reading)
    assert child.returncode == 0
    assert "set/[archive].zip" in shown
    assert "1.0/1.0 MB" in shown
