"""Bring a set: from the files that its card names to files in its source folder.

Label files come first, for they say which videos there are. Archives go through `downloads`, are
unpacked and removed; what is in place already is not fetched again. Order and rules are those of
docs/downloads.md.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from vqathinker.acquisition.archives.kind import is_archive
from vqathinker.acquisition.archives.members import Limits
from vqathinker.acquisition.archives.unpack import unpack
from vqathinker.acquisition.transfer.download import Means, download
from vqathinker.acquisition.transfer.failure import GoneError
from vqathinker.acquisition.transfer.folder import FolderFile
from vqathinker.acquisition.transfer.secret import Secret
from vqathinker.datasets.bringing.brought import LOG, Arrival, BroughtLog
from vqathinker.datasets.bringing.dropped import dropped_files, require_dropped
from vqathinker.datasets.bringing.routes import Route, Routes
from vqathinker.datasets.card import Card, CardError
from vqathinker.datasets.labels import read_labels
from vqathinker.datasets.origin import Part, RemoteFile

__all__ = ["Brought", "Keeping", "PasswordMissingError", "bring"]

_log = logging.getLogger(__name__)


class PasswordMissingError(ValueError):
    """A set's archives are encrypted, and the environment holds no password."""


@dataclass(frozen=True)
class Keeping:
    """What happens to archives.

    Args:
        archives: whether they stay in `downloads` once they are unpacked. What a person has dropped
            there always stays, unless it holds private data.
        largest_ratio: bytes that an archive may unpack to, for each of its own.
    """

    archives: bool
    largest_ratio: float


@dataclass
class Brought:
    """What came.

    Args:
        arrivals: every file that was downloaded or dropped, in the order of the card.
        gone: names of files that may vanish and have.
        by_hand: whether the videos were in place before; then none was fetched.
    """

    arrivals: list[Arrival] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    by_hand: bool = False


def bring(card: Card, source: Path, means: Means, keeping: Keeping) -> Brought:
    """Bring every file of the card that is not in place, into `source` and `source/../downloads`.

    Videos that lie in `source/videos` although none was ever brought are the user's: they stay, and
    only label files are fetched.

    Raises:
        TransferError: a file does not come or cannot be unpacked; the next call goes on.
        NotDroppedError: a file is missing that only a person can get. All others are in place.
        PasswordMissingError: archives need a password that the environment does not hold.
        LabelError: the labels cannot be read, which say what videos there are.
    """
    log = BroughtLog(source.parent / LOG)
    errand = _Errand(card, source, log, means, keeping, Routes(card, means, log))
    labels = [file for file in card.files if _path(file) in card.label_files]
    videos = [file for file in card.files if file not in labels]
    brought = Brought(by_hand=not card.files)
    for file in labels:
        errand.bring(file, brought)
    errand.require(labels)
    if videos and log.is_by_hand(source):
        _log.warning("%s: videos are in place, put there by you; none is fetched", source)
        brought.by_hand = True
        return brought
    for file in videos:
        errand.bring(file, brought)
    errand.require(videos)
    return brought


@dataclass(frozen=True)
class _Errand:
    card: Card
    source: Path
    log: BroughtLog
    means: Means
    keeping: Keeping
    routes: Routes

    @property
    def downloads(self) -> Path:
        return self.source.parent / "downloads"

    def bring(self, file: RemoteFile, brought: Brought) -> None:
        """Bring a file of the card, which may stand for many."""
        for one in self._videos(file):
            try:
                self._bring_one(one)
            except GoneError as error:
                if not one.may_vanish:
                    raise
                _log.warning("%s: gone at its origin: %s", one.name, error)
                brought.gone.append(one.name)
            brought.arrivals += self.log.of(one.name)

    def require(self, files: Sequence[RemoteFile]) -> None:
        """Raise NotDroppedError when a person still has to get one of these files."""
        missing = [file for file in files if file.manual and not self._is_in_place(file)]
        require_dropped(self.card, missing, self.downloads)

    def _is_in_place(self, file: RemoteFile) -> bool:
        arrivals = self.log.of(file.name)
        return bool(arrivals) and all(arrival.is_placed(self.source) for arrival in arrivals)

    def _videos(self, file: RemoteFile) -> Iterator[RemoteFile]:
        if not file.per_video:
            yield file
            return
        for video in read_labels(self.source, self.card)["video"]:
            yield file.for_video(video)

    def _bring_one(self, file: RemoteFile) -> None:
        if file.manual:
            for path in dropped_files(self.card, file, self.downloads):
                self._take(file, path)
        elif not self._is_in_place(file):
            self._require_password(file)
            if file.unpack == "none":
                target = self.source / _path(file)
                self._copy(file, file.name, self.routes.of(file, target), target)
            else:
                self._unpack(file, [self._download(file, piece) for piece in file.parts or [file]])

    def _take(self, file: RemoteFile, path: Path) -> None:
        """Put what a person has dropped where it belongs, unless it is there."""
        known = self.log.find(path.name)
        if known and known.size == path.stat().st_size and known.is_placed(self.source):
            return
        route = Route(self.routes.wanted(file, path.name), ())
        if file.unpack != "none" and (is_archive(path) or file.unpack != "auto"):
            self._unpack(file, [self._arrive(file, path.name, route, path)])
        else:
            name = file.name if file.unpack == "none" else path.name
            self._copy(file, path.name, route, self.source / file.folder() / name)

    def _copy(self, file: RemoteFile, name: str, route: Route, target: Path) -> None:
        """Get a file that is not unpacked straight to its place."""
        if _path(file) not in self.card.label_files:
            self.log.begin()
        dropped = FolderFile(self.downloads / name)
        near = [dropped] if dropped.path.is_file() else []
        self._arrive(file, name, replace(route, origins=(*near, *route.origins)), target)
        self._note(file, name, [target])

    def _download(self, file: RemoteFile, piece: RemoteFile | Part) -> Arrival:
        target = self.downloads / piece.name
        return self._arrive(file, piece.name, self.routes.of(piece, target), target)

    def _arrive(self, file: RemoteFile, name: str, route: Route, target: Path) -> Arrival:
        known = self.log.find(name)
        if known and target.is_file() and target.stat().st_size == known.size:
            return known
        got = download(route.wanted, route.origins, target, self.means)
        by_hand = got.origin in {None, str(self.downloads / name)}
        origin = None if by_hand else got.origin
        arrival = Arrival(file.name, name, origin, got.size, got.sha256, route.revision)
        self.log.add(arrival)
        return arrival

    def _unpack(self, file: RemoteFile, arrivals: Sequence[Arrival]) -> None:
        self.log.begin()
        paths = [self.downloads / arrival.name for arrival in arrivals]
        if file.unpack == "auto" and not is_archive(paths[0]):
            self._move(file, paths[0])
            return
        target = self.source / file.folder(paths[0].name if file.manual else None)
        done = unpack(
            paths,
            target,
            limits=self._limits(file),
            private=_private(self.card),
            password_variable=file.password_env,
        )
        inside = [target / path for path in (*done.written, *done.present)]
        for arrival in arrivals:
            self._note(file, arrival.name, inside)
        if not self.keeping.archives and all(arrival.origin for arrival in arrivals):
            for path in paths:
                path.unlink(missing_ok=True)

    def _move(self, file: RemoteFile, path: Path) -> None:
        """Put a download that turned out to be no archive where it belongs."""
        target = self.source / file.folder() / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
        self._note(file, path.name, [target])

    def _note(self, file: RemoteFile, name: str, paths: Sequence[Path]) -> None:
        """Note what has become of an arrival of the file."""
        files = {path.relative_to(self.source).as_posix(): path.stat().st_size for path in paths}
        arrival = next(arrival for arrival in self.log.of(file.name) if arrival.name == name)
        self.log.add(replace(arrival, files=files))

    def _limits(self, file: RemoteFile) -> Limits:
        if file.limits is None:
            raise CardError(f"card {self.card.name}: {file.name} is unpacked but has no limits")
        return Limits(file.limits.files, file.limits.bytes, self.keeping.largest_ratio)

    def _require_password(self, file: RemoteFile) -> None:
        """Ask for the password of a set that is known to be encrypted before its gigabytes come."""
        access, variable = self.card.access, file.password_env
        if variable and variable == access.token_env and not Secret.from_environment(variable):
            raise PasswordMissingError(
                f"{self.card.title}: {file.name} is encrypted. {access.say.strip()} Ask at "
                f"{access.page}, put the password into the environment variable {variable}, and "
                "run the same command again."
            )


def _path(file: RemoteFile) -> str:
    """Where a file that is not unpacked goes, below the source folder."""
    return (PurePosixPath(file.folder()) / file.name).as_posix()


def _private(card: Card) -> list[str]:
    """Patterns of whole paths: the card's name a file, or a folder with all that is in it."""
    return [
        pattern
        for name in card.never_keep
        for pattern in (name, f"*/{name}", f"{name}/*", f"*/{name}/*")
    ]
