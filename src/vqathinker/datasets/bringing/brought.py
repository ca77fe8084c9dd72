"""What has been brought of a set so far, line by line, so that a killed `fetch` goes on.

`LOG`, in the folder of the set, is written before anything is put into the source folder. It
outlives the receipt, which the workflow removes before each run, and tells a set that came halfway
from one that the user has put in place.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vqathinker.datasets.matching import video_files

__all__ = ["LOG", "Arrival", "BroughtLog"]

# Its name, in the folder of the set.
LOG = "brought.jsonl"


@dataclass(frozen=True)
class Arrival:
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

    def is_placed(self, source: Path) -> bool:
        """Whether all that it became is still in the source folder, in its size."""
        if self.files is None:
            return False
        return all(_size(source / path) == size for path, size in self.files.items())


class BroughtLog:
    """Lines of `path`, read at the start; each new one is on the disk before the next step.

    Attributes:
        begun: whether videos were ever put into the source folder, or begun to be.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._arrivals: dict[str, Arrival] = {}
        self._revisions: dict[str, str] = {}
        self.begun = False
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._take(line)

    def is_by_hand(self, source: Path) -> bool:
        """Whether there are videos in the source folder that nobody but the user can have put."""
        return not self.begun and bool(video_files(source / "videos"))

    def begin(self) -> None:
        """Note that videos are going to be put into the source folder."""
        if not self.begun:
            self.begun = True
            self._write({"begun": True})

    def find(self, name: str) -> Arrival | None:
        """What came under that name last."""
        return self._arrivals.get(name)

    def of(self, file: str) -> list[Arrival]:
        """Everything that came for one file of the card."""
        return [arrival for arrival in self._arrivals.values() if arrival.file == file]

    def add(self, arrival: Arrival) -> None:
        """Note that a file has come."""
        self._arrivals[arrival.name] = arrival
        self._write({"arrival": asdict(arrival)})

    def revision_of(self, repository: str) -> str | None:
        """Commit that was taken of a repository whose card names none."""
        return self._revisions.get(repository)

    def pin(self, repository: str, revision: str) -> None:
        """Note that commit, so that the rest of the set is of the same one."""
        self._revisions[repository] = revision
        self._write({"repository": repository, "revision": revision})

    def _take(self, line: str) -> None:
        try:
            content = json.loads(line)
        except ValueError:
            return  # a killed process leaves half a line
        if "arrival" in content:
            arrival = Arrival(**content["arrival"])
            self._arrivals[arrival.name] = arrival
        elif "repository" in content:
            self._revisions[content["repository"]] = content["revision"]
        else:
            self.begun = True

    def _write(self, content: dict[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+", encoding="utf-8") as file:
            half = file.tell() > 0 and not self._ends_with_line()
            file.write(("\n" if half else "") + json.dumps(content) + "\n")

    def _ends_with_line(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(-1, 2)
            return file.read(1) == b"\n"


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
