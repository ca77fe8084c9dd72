"""A hundred uploads in a row leave the memory and the disk of the server as they were."""

import os
from pathlib import Path

import pytest
from tests.serving import hostile
from tests.serving.conftest import Served, serving

pytestmark = [
    pytest.mark.timeout(4 * 3600),
    pytest.mark.skipif(
        "VQATHINKER_UPLOADS" not in os.environ,
        reason="takes a minute of processor time; make uploads runs it",
    ),
]

MOST_GROWTH = 1.05  # after the first ten, which fill caches


def test_a_hundred_uploads_leave_nothing_behind(
    tmp_path: Path, hostile_policy: Path, clip: Path
) -> None:
    refused = hostile.files(tmp_path / "hostile", clip, "http://127.0.0.1:9")
    (tmp_path / "served").mkdir()
    with serving(tmp_path / "served", hostile_policy) as server:
        for number in range(10):
            score(server, clip, number)
        before = memory_kb(server)
        for number in range(80):
            score(server, clip, number)
        for path, words in [*refused.values()] * 2:
            [upload] = server.send(path).json()
            assert words in server.score(upload)
        after = memory_kb(server)
        print(f"memory {before} kB before, {after} kB after; files {server.uploads()}")  # noqa: T201
        assert server.uploads() == []
        assert after < MOST_GROWTH * before


def score(server: Served, clip: Path, number: int) -> None:
    [upload] = server.send(clip, f"{number}.mp4").json()
    assert "</strong> of 5" in server.score(upload)


def memory_kb(server: Served) -> int:
    """Resident memory of the server's process."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
