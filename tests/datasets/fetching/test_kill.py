"""A fetch that is killed at any point resumes correctly."""

import json
import os
import shutil
import warnings
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from vqathinker.datasets.fetching.journal import FetchJournal

KILLED = 9
# All operations that change the disk, except appending to a partial file.
CHANGES = [(Path, "replace"), (Path, "unlink"), (Path, "hardlink_to"), (Path, "mkdir"),
           (os, "fsync"), (os, "open"), (Path, "write_text")]  # fmt: skip


def is_killed_before(step: int, project: Any) -> bool:
    """Fetch in a child process that is killed before the given step; False if it finished."""
    with warnings.catch_warnings():
        # fork() warns of other threads; the child does not need that of the server.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        failed = 1
        try:
            steps = count()
            for owner, name in CHANGES:
                setattr(owner, name, dying(getattr(owner, name), steps, step))
            project.fetch()
            failed = 0
        finally:
            os._exit(failed)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, KILLED)
    return code == KILLED


def dying(call: Callable, steps: Any, step: int) -> Callable:
    def counted(*args: Any, **more: Any) -> Any:
        if next(steps) == step:
            os._exit(KILLED)
        return call(*args, **more)

    return counted


def write_card(project: Any, video: bytes, origin: str) -> None:
    if origin == "one a video":
        project.has("1.mp4", video)
        file = {"name": "{video}", "per_video": True, "urls": [project.site.url("/{video}")],
                "into": "videos"}  # fmt: skip
    else:
        urls = project.has("a.zip", project.zip_of("1.mp4", "b/2.mp4", content=video))
        file = project.archive("a.zip", urls=urls)
    project.write_card(file, videos=["1.mp4"])


@pytest.mark.parametrize("origin", ["one a video", "archive"])
def test_fetch_resumes_after_kill_at_any_step(project: Any, video: bytes, origin: str) -> None:
    write_card(project, video, origin)
    expected = project.fetch()
    hashes = (project.folder / "data-hashes.csv").read_text()
    for step in count():
        shutil.rmtree(project.home)
        (project.folder / "data-hashes.csv").unlink(missing_ok=True)
        if not is_killed_before(step, project):
            break
        receipt = project.home / "source.json"
        assert not receipt.exists() or json.loads(receipt.read_text())["files"] == expected["files"]
        # Videos without a journal entry would count as the user's.
        journal = FetchJournal(project.source)
        assert not journal.has_manual_videos(), step
        found = project.fetch()
        assert found["files"] == expected["files"], step
        assert found["made_by"] == expected["made_by"], step
        assert [one["sha256"] for one in found["downloads"]] == [
            one["sha256"] for one in expected["downloads"]
        ], step
        assert len((project.folder / "data-hashes.csv").read_text()) <= len(hashes) + 20, step
        downloads = project.downloads
        assert not downloads.exists() or list(downloads.iterdir()) == [], step
    assert step > 20
    assert project.statuses() == {"1.mp4": "ok"}
