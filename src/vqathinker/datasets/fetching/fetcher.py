"""Find the origins of a card's file, download it, unpack it, and put it in place.

The steps share nothing but the journal on the disk. A killed step runs again in the next call, and
finds what was there before.
"""

import filecmp
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

from huggingface_hub import constants

from vqathinker.acquisition.archive import is_archive
from vqathinker.acquisition.checksum import Checksum
from vqathinker.acquisition.download import (
    DownloadContext,
    DownloadedFile,
    FolderFile,
    Origin,
    download,
    record_hash,
    require_content,
)
from vqathinker.acquisition.drive import DriveFile
from vqathinker.acquisition.errors import OriginError, WrongContentError, conflict_error
from vqathinker.acquisition.hub import HubFile, list_hub_files
from vqathinker.acquisition.partial import ExpectedFile
from vqathinker.acquisition.unpack import unpack
from vqathinker.acquisition.web import Address, WebFile
from vqathinker.atomic import whole_file
from vqathinker.content import document_in
from vqathinker.datasets.card import Card, CardError
from vqathinker.datasets.fetching.drops import downloads_folder, dropped_files, require_password
from vqathinker.datasets.fetching.journal import FetchedFile, FetchJournal
from vqathinker.datasets.remote_file import FilePart, HubSource, RemoteFile

_BRANCH = "main"
_HUB_HOST = "huggingface.co"
_Listing = tuple[str, dict[str, HubFile]]  # commit, and files by path


class _Piece(NamedTuple):
    """One download: a file of the card, a part of one, or a file that the user has dropped."""

    name: str  # in `downloads`, where the user may have put it, and in the journal
    target: Path
    expected: ExpectedFile
    origins: tuple[Origin, ...] = ()
    revision: str | None = None  # commit of the hub


class FileFetcher:
    """Fetches the files of one card, and asks the hub once for each repository.

    A token goes only to the host of the page that issued it: label files of gated sets lie on other
    servers. The password of an archive is not a token.

    With `keep_archives`, archives stay in `downloads` after unpacking.
    """

    def __init__(
        self,
        card: Card,
        source: Path,
        journal: FetchJournal,
        context: DownloadContext,
        *,
        keep_archives: bool,
    ) -> None:
        self._card, self._source, self._journal, self._context = card, source, journal, context
        self._keep_archives = keep_archives
        self._page_host = urlsplit(card.access.page or "").hostname
        passwords = {file.password_env for file in card.files}
        self._token = None if card.access.token_env in passwords else card.access.token_env
        self._listings: dict[tuple[str, str | None], _Listing | OriginError] = {}

    def is_in_place(self, file: RemoteFile) -> bool:
        """Whether everything that was fetched for a file of the card is where it was put."""
        fetched = self._journal.of_card_file(file.name)
        return bool(fetched) and all(one.is_in_place(self._source) for one in fetched)

    def fetch(self, file: RemoteFile) -> None:
        """Fetch a file that is not in place; of a manual file, everything that was dropped for it.

        Raises:
            TransferError: it cannot be downloaded or unpacked; the next call resumes.
            UserActionError: it is encrypted, and the environment has no password.
        """
        if file.manual:
            for path in dropped_files(self._card, file, downloads_folder(self._source)):
                known, size = self._journal.find(path.name), path.stat().st_size
                if not known or known.size != size or not known.is_in_place(self._source):
                    self._put_into_place(file, path)
        elif not self.is_in_place(file):
            require_password(self._card, file)
            self._put_into_place(file, None)
        # After the journal has its files: a process that is killed before finds the archive.
        if file.unpack != "none" and not self._keep_archives and self.is_in_place(file):
            fetched = self._journal.of_card_file(file.name)
            for one in fetched if all(one.origin for one in fetched) else ():
                archive = downloads_folder(self._source) / one.name
                if archive.is_file() and archive.stat().st_size == one.size:
                    archive.unlink()

    def _put_into_place(self, file: RemoteFile, dropped: Path | None) -> None:
        """Download a file straight into its folder, or its parts into `downloads` and unpack them.

        `dropped` is what the user has dropped for a manual file.
        """
        unpacks, name = file.unpack != "none", dropped.name if dropped else file.name
        if dropped is not None and file.unpack == "auto":
            unpacks = is_archive(dropped)
        folder = self._source / file.folder(name if dropped else None)
        if unpacks:
            parts = [(name, file)] if dropped else [(one.name, one) for one in file.parts or [file]]
            pieces = [
                # Only the first part begins like an archive.
                self._resolve(part, downloads_folder(self._source) / part, stated, number == 0)
                for number, (part, stated) in enumerate(parts)
            ]
        else:
            target = folder / (file.name if file.unpack == "none" else name)
            pieces = [self._resolve(name, target, file, _is_video(file))]
        for piece in pieces:
            self._download(piece, file, unpacks=unpacks)
        fetched = [one for piece in pieces if (one := self._journal.find(piece.name))]
        if unpacks:
            self._journal.begin_videos()
            paths = self._unpack(file, [piece.target for piece in pieces], folder)
            # Only now: a damaged archive of which nobody publishes a hash would be the right one.
            for piece, one in zip(pieces, fetched, strict=True):
                record_hash(piece.expected, one.size, one.sha256, one.origin, self._context)
        else:
            paths = [piece.target for piece in pieces]
        sizes = {path.relative_to(self._source).as_posix(): path.stat().st_size for path in paths}
        for one in fetched:
            self._journal.add(replace(one, files=sizes))

    def _resolve(
        self, name: str, target: Path, stated: RemoteFile | FilePart, is_binary: bool
    ) -> _Piece:
        """Size, hash and origins of a download, as the card or the hub states them."""
        checksum = None if stated.sha256 is None else Checksum("sha256", stated.sha256)
        # All sets share the mirror folder and the table of hashes, so the name includes the set.
        full_name = f"{self._card.name}/{name}"
        expected = ExpectedFile(full_name, stated.bytes, checksum, is_binary)
        piece = _Piece(name, target, expected)
        if isinstance(stated, RemoteFile) and stated.manual:
            return piece
        if isinstance(stated, RemoteFile) and stated.drive_id is not None:
            return piece._replace(origins=(DriveFile(stated.drive_id),))
        if isinstance(stated, RemoteFile) and stated.hub is not None:
            return self._resolve_hub(piece, stated.hub, stated.name)
        origins = []
        for address in map(Address, stated.urls):
            access = (self._token, self._card.access.page)
            own = address.parsed.host == self._page_host
            origins.append(WebFile(address, *access) if own else WebFile(address))
        return piece._replace(origins=tuple(origins))

    def _resolve_hub(self, piece: _Piece, hub: HubSource, path: str) -> _Piece:
        expected, mirror = piece.expected, self._context.mirror
        in_mirror = mirror is not None and (mirror / expected.name).is_file()
        is_here = piece.target.is_file() or in_mirror
        if is_here and expected.checksum is not None:
            return piece
        try:
            revision, files = self._listing(hub)
            if path not in files:
                raise OriginError(f"{hub.repo} at {revision}: has no file {path}")
        except OriginError as error:
            if is_here:  # a machine without internet
                return piece
            hint = f"Or get the file in another way and save it as {piece.target}."
            raise OriginError(f"{expected.name}: {error}. {hint}") from None
        found = files[path]
        checksum = expected.checksum or found.checksum
        expected = replace(expected, size=found.size, checksum=checksum)
        return piece._replace(expected=expected, origins=(found.origin,), revision=revision)

    def _listing(self, hub: HubSource) -> _Listing:
        """Commit and files of a repository, or its refusal; each is asked once."""
        key = hub.repo, hub.revision
        if key not in self._listings:
            known = hub.revision or self._journal.revision_of(hub.repo)
            hub_hosts = {_HUB_HOST, urlsplit(constants.ENDPOINT).hostname}
            token = self._token if self._page_host in hub_hosts else None
            try:
                listing = list_hub_files(hub.repo, known or _BRANCH, self._context.policy, token)
            except OriginError as error:
                self._listings[key] = error
            else:
                self._listings[key] = listing
                if known is None:
                    self._journal.pin_revision(hub.repo, listing[0])
        found = self._listings[key]
        if isinstance(found, OriginError):
            raise found
        return found

    def _download(self, piece: _Piece, file: RemoteFile, *, unpacks: bool) -> None:
        """Download a piece to its target, or find it there or where the user has dropped it.

        The journal records it before it gets its name: a file without an entry is the user's.
        """
        journal, target, origins = self._journal, piece.target, piece.origins
        drop_path = downloads_folder(self._source) / piece.name
        known = journal.find(piece.name)
        if known and target.is_file() and target.stat().st_size == known.size:
            return
        if file.manual and not target.exists():
            try:
                require_content(piece.expected, drop_path)
            except WrongContentError as error:
                message = f"{drop_path}: {error}. Move it away, and run the same command again."
                raise WrongContentError(message) from None
        if drop_path != target and drop_path.is_file():
            origins = (FolderFile(drop_path), *origins)

        def note(got: DownloadedFile) -> None:
            if _is_video(file) and not unpacks:
                journal.begin_videos()
            origin = None if got.origin in {None, str(drop_path)} else got.origin
            facts = got.size, got.sha256, piece.revision
            journal.add(FetchedFile(file.name, piece.name, origin, *facts))

        context, record = self._context, not unpacks
        got = download(piece.expected, origins, target, context, record=record, before_placing=note)
        if got.origin is None:  # it was here already
            note(got)

    def _unpack(self, file: RemoteFile, archives: Sequence[Path], folder: Path) -> list[Path]:
        """Unpack the parts of an archive into a folder; returns the files there.

        With `unpack: auto`, a download that is not an archive goes there as it is.
        """
        if file.unpack == "auto" and not is_archive(archives[0]):
            if found := document_in(archives[0]):
                wanted = "an archive and not a video"
                raise WrongContentError(f"{archives[0]}: is {found.instead_of(wanted)}; delete it")
            return [_place(archives[0], folder)]
        if file.limits is None:
            raise CardError(f"card {self._card.name}: {file.name} is unpacked but has no limits")
        # Patterns of whole paths: each name stands for a file, or a folder with all that is in it.
        private = [
            pattern
            for name in self._card.never_keep
            for pattern in (name, f"*/{name}", f"{name}/*", f"*/{name}/*")
        ]
        placed = unpack(
            archives,
            folder,
            max_files=file.limits.files,
            max_bytes=file.limits.bytes,
            private=private,
            password_variable=file.password_env,
        )
        return [folder / path for path in placed]


def _is_video(file: RemoteFile) -> bool:
    """Whether a file that is not unpacked is a video; others are labels and questions."""
    return PurePosixPath(file.folder()).parts[:1] == ("videos",)


def _place(path: Path, folder: Path) -> Path:
    """Copy a file into its folder; the original stays until the journal has the copy."""
    target = folder / path.name
    if not target.exists():
        with whole_file(target) as part:
            shutil.copyfile(path, part)
    elif not filecmp.cmp(path, target, shallow=False):
        raise conflict_error(target)
    return target
