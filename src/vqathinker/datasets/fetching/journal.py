"""What has been fetched of a set so far, so that a killed `fetch` resumes.

The journal `.source.journal` in the folder of the set outlives the receipt, which the workflow
removes before each run. An entry is written before anything is put into the source folder, so the
journal tells a set that was fetched halfway from one that the user has put in place.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vqathinker.datasets.matching import video_files
from vqathinker.journal import Journal, read_entries


@dataclass(frozen=True)
class FetchedFile:
    """A file that was fetched and checked: all of a card's file, a part, or one video.

    `origin` holds no secret, and is None for a file of the user. `files` is what it became, in
    bytes by path below the source folder; None while it lies in `downloads` only.
    """

    file: str  # name of the card's file
    name: str
    origin: str | None
    size: int  # bytes
    sha256: str
    revision: str | None  # commit of the hub
    files: dict[str, int] | None = None

    def is_in_place(self, source: Path) -> bool:
        """Whether everything that it became is in the source folder, with the same size."""
        if self.files is None:
            return False
        found = {path: source / path for path in self.files if (source / path).is_file()}
        return self.files == {name: path.stat().st_size for name, path in found.items()}


@dataclass(frozen=True)
class FetchResult:
    """Result of fetching a set."""

    fetched: tuple[FetchedFile, ...] = ()  # label files first, in the card's order
    gone: tuple[str, ...] = ()  # names of files that may vanish and have
    by_hand: bool = False  # whether the user has put the videos in place


class FetchJournal:
    """What earlier calls fetched, and what this one does.

    Args:
        source: source folder of the set.
        journal: open journal of `source`; None: read only.

    Attributes:
        videos_begun: whether videos were put into the source folder, or were about to be.
    """

    def __init__(self, source: Path, journal: Journal | None = None) -> None:
        self._source, self._journal = source, journal
        self._fetched: dict[str, FetchedFile] = {}
        self._revisions: dict[str, str] = {}
        self.videos_begun = False
        for entry in read_entries(source) if journal is None else list(journal.entries):
            self._apply(entry)

    def has_manual_videos(self) -> bool:
        """Whether the source folder has videos, and the user has put them there."""
        return not self.videos_begun and bool(video_files(self._source / "videos"))

    def begin_videos(self) -> None:
        """Record that videos are about to be put into the source folder."""
        if not self.videos_begun:
            self._add({"begun": True})

    def find(self, name: str) -> FetchedFile | None:
        """The file of that name, as it was fetched last."""
        return self._fetched.get(name)

    def of_card_file(self, file: str) -> list[FetchedFile]:
        """Everything that was fetched for one file of the card."""
        return [fetched for fetched in self._fetched.values() if fetched.file == file]

    def add(self, fetched: FetchedFile) -> None:
        """Record a file that was fetched."""
        self._add({"fetched": asdict(fetched)})

    def revision_of(self, repository: str) -> str | None:
        """The commit that was used of a repository for which the card names none."""
        return self._revisions.get(repository)

    def pin_revision(self, repository: str, revision: str) -> None:
        """Record that commit, so that the rest of the set has the same one."""
        self._add({"repository": repository, "revision": revision})

    def _add(self, entry: dict[str, Any]) -> None:
        if self._journal is not None:
            self._journal.add(entry)
        self._apply(entry)

    def _apply(self, entry: dict[str, Any]) -> None:
        if "fetched" in entry:
            fetched = FetchedFile(**entry["fetched"])
            self._fetched[fetched.name] = fetched
        elif "repository" in entry:
            self._revisions[entry["repository"]] = entry["revision"]
        else:
            self.videos_begun = True
