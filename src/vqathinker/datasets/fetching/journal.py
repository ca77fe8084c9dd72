"""Journal of the files fetched for a set, so that an interrupted `fetch` resumes.

`.source.journal` in the folder of the set outlives the receipt, which the workflow removes before
each run. An entry is written before anything is put into the source folder. The journal therefore
distinguishes a partly fetched set from one that the user has supplied.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vqathinker.datasets.matching import video_files
from vqathinker.journal import Journal, read_entries


@dataclass(frozen=True)
class FetchedFile:
    """A fetched and verified file: a whole file of a card, a part of one, or one video.

    `origin` contains no secret; it is None for a file of the user. `files` maps the paths that it
    was unpacked or moved to, relative to the source folder, to their sizes in bytes. It is None
    while the file is in `downloads` only.
    """

    file: str  # name of the card's file
    name: str
    origin: str | None
    size: int  # bytes
    sha256: str
    revision: str | None  # commit of the hub
    files: dict[str, int] | None = None

    def is_in_place(self, source: Path) -> bool:
        """Whether all its `files` are in the source folder, with the same sizes."""
        return self.files is not None and all(
            (source / path).is_file() and (source / path).stat().st_size == size
            for path, size in self.files.items()
        )


@dataclass(frozen=True)
class FetchResult:
    """Result of fetching a set."""

    fetched: tuple[FetchedFile, ...] = ()  # label files first, in the card's order
    gone: tuple[str, ...] = ()  # names of `may_vanish` files that no origin has
    is_manual: bool = False  # whether the user has supplied the videos


class FetchJournal:
    """Files fetched by this call and earlier ones.

    Args:
        source: source folder of the set.
        journal: open journal of `source`; None: read only.

    Attributes:
        has_started_videos: whether a call has begun to put videos into the source folder.
    """

    def __init__(self, source: Path, journal: Journal | None = None) -> None:
        self._source, self._journal = source, journal
        self._fetched: dict[str, FetchedFile] = {}
        self._revisions: dict[str, str] = {}
        self.has_started_videos = False
        for entry in read_entries(source) if journal is None else list(journal.entries):
            self._apply(entry)

    def has_manual_videos(self) -> bool:
        """Whether the source folder contains videos that the user has put there."""
        return not self.has_started_videos and bool(video_files(self._source / "videos"))

    def mark_videos_started(self) -> None:
        """Record that videos will be put into the source folder next."""
        if not self.has_started_videos:
            self._add({"begun": True})

    def find(self, name: str) -> FetchedFile | None:
        """The most recent entry for the file of that name."""
        return self._fetched.get(name)

    def downloads_of(self, file: str) -> list[FetchedFile]:
        """All downloads for one file of the card."""
        return [fetched for fetched in self._fetched.values() if fetched.file == file]

    def add(self, fetched: FetchedFile) -> None:
        """Record a fetched file."""
        self._add({"fetched": asdict(fetched)})

    def revision_of(self, repository: str) -> str | None:
        """The pinned commit of a repository for which the card names none."""
        return self._revisions.get(repository)

    def pin_revision(self, repository: str, revision: str) -> None:
        """Pin the commit of a repository, so that all files of the set come from the same one."""
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
            self.has_started_videos = True
