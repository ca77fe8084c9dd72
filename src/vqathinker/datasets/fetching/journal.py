"""What has been fetched of a set so far, line by line, so that a killed `fetch` goes on.

`JOURNAL_NAME`, in the folder of the set, is written before anything is put into the source folder.
It outlives the receipt, which the workflow removes before each run, and tells a set that came
halfway from one that the user has put in place.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vqathinker.atomic import append_line
from vqathinker.datasets.matching import video_files

__all__ = ["JOURNAL_NAME", "FetchJournal", "FetchedFile"]

JOURNAL_NAME = "brought.jsonl"


@dataclass(frozen=True)
class FetchedFile:
    """A file that has come, whole and checked.

    Args:
        file: name of the card's file that it belongs to.
        name: its own: one part of that file, one video, what a person has dropped.
        origin: where it came from, without a secret; None: put there by the user.
        size: bytes.
        sha256: hexadecimal.
        revision: commit of the hub; None elsewhere.
        files: what it became, bytes by path below the source folder; None as long as it lies in
            `downloads` only.
    """

    file: str
    name: str
    origin: str | None
    size: int
    sha256: str
    revision: str | None
    files: dict[str, int] | None = None

    def is_in_place(self, source: Path) -> bool:
        """Whether all that it became is still in the source folder, in its size."""
        if self.files is None:
            return False
        return all(_file_size(source / path) == size for path, size in self.files.items())


class FetchJournal:
    """Lines of `path`, read at the start; each new one is on the disk before the next step.

    Attributes:
        videos_begun: whether videos were ever put into the source folder, or begun to be.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fetched: dict[str, FetchedFile] = {}
        self._revisions: dict[str, str] = {}
        self.videos_begun = False
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._read_line(line)

    def has_manual_videos(self, source: Path) -> bool:
        """Whether there are videos in the source folder that nobody but the user can have put."""
        return not self.videos_begun and bool(video_files(source / "videos"))

    def begin_videos(self) -> None:
        """Note that videos are going to be put into the source folder."""
        if not self.videos_begun:
            self.videos_begun = True
            self._append({"begun": True})

    def find(self, name: str) -> FetchedFile | None:
        """What came under that name last."""
        return self._fetched.get(name)

    def of_card_file(self, file: str) -> list[FetchedFile]:
        """Everything that came for one file of the card."""
        return [fetched for fetched in self._fetched.values() if fetched.file == file]

    def add(self, fetched: FetchedFile) -> None:
        """Note that a file has come."""
        self._fetched[fetched.name] = fetched
        self._append({"arrival": asdict(fetched)})

    def revision_of(self, repository: str) -> str | None:
        """Commit that was taken of a repository whose card names none."""
        return self._revisions.get(repository)

    def pin_revision(self, repository: str, revision: str) -> None:
        """Note that commit, so that the rest of the set is of the same one."""
        self._revisions[repository] = revision
        self._append({"repository": repository, "revision": revision})

    def _read_line(self, line: str) -> None:
        try:
            content = json.loads(line)
            if "arrival" in content:
                fetched = FetchedFile(**content["arrival"])
                self._fetched[fetched.name] = fetched
            elif "repository" in content:
                self._revisions[content["repository"]] = content["revision"]
            else:
                self.videos_begun = True
        except (ValueError, TypeError, KeyError):
            return  # a killed process leaves half a line

    def _append(self, content: dict[str, Any]) -> None:
        append_line(self._path, json.dumps(content))


def _file_size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
