"""Find the origins of a planned file, download it, unpack it, and put it in place.

The steps share nothing but the journal on the disk. A killed step runs again in the next call, and
finds what was there before.
"""

import filecmp
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
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
from vqathinker.acquisition.partial import ExpectedFile, clear_note
from vqathinker.acquisition.unpack import unpack
from vqathinker.acquisition.web import Address, WebFile
from vqathinker.atomic import whole_file
from vqathinker.content import document_in
from vqathinker.datasets.card import Card, CardError
from vqathinker.datasets.fetching.journal import FetchedFile, FetchJournal
from vqathinker.datasets.fetching.plan import Piece, PlannedFile, downloads_folder
from vqathinker.datasets.remote_file import HubSource, RemoteFile

_BRANCH = "main"
_HUB_HOST = "huggingface.co"
_Listing = tuple[str, dict[str, HubFile]]  # commit, and files by path
# What is known of a piece, its origins, and its commit on the hub.
_Resolved = tuple[ExpectedFile, tuple[Origin, ...], str | None]


class FileFetcher:
    """Fetches the planned files of one card, and asks the hub once for each repository.

    A token goes only to the host of the page that issued it: label files of gated sets lie on other
    servers. The password of an archive is not a token.

    Args:
        card: of the set.
        source: its source folder.
        journal: records what is fetched.
        context: what all downloads share.
    """

    def __init__(
        self, card: Card, source: Path, journal: FetchJournal, context: DownloadContext
    ) -> None:
        self._card, self._source, self._journal, self._context = card, source, journal, context
        self._page_host = urlsplit(card.access.page or "").hostname
        passwords = {file.password_env for file in card.files}
        self._token = None if card.access.token_env in passwords else card.access.token_env
        self._listings: dict[tuple[str, str | None], _Listing | OriginError] = {}

    def put_into_place(self, planned: PlannedFile) -> None:
        """Download the pieces of a planned file and unpack them, if it is an archive.

        Raises:
            TransferError: a piece cannot be downloaded or unpacked; the next call resumes.
        """
        resolved = [self._resolve(piece, planned) for piece in planned.pieces]
        fetched = [
            self._download(piece, planned, *known)
            for piece, known in zip(planned.pieces, resolved, strict=True)
        ]
        if planned.needs_unpacking:
            self._journal.begin_videos()
            files = self._unpack(planned)
            # Only now: a damaged archive of which nobody publishes a hash would be the right one.
            for (expected, _, _), one in zip(resolved, fetched, strict=True):
                record_hash(expected, one.size, one.sha256, one.origin, self._context)
        else:
            files = [piece.target for piece in planned.pieces]
        sizes = {path.relative_to(self._source).as_posix(): path.stat().st_size for path in files}
        for one in fetched:
            self._journal.add(replace(one, files=sizes))

    def _resolve(self, piece: Piece, planned: PlannedFile) -> _Resolved:
        file = piece.stated
        checksum = None if file.sha256 is None else Checksum("sha256", file.sha256)
        # All sets share the mirror folder and the table of hashes, so the name includes the set.
        name = f"{self._card.name}/{piece.name}"
        expected = ExpectedFile(name, file.bytes, checksum, piece.is_binary)
        if planned.manual:
            return expected, (), None
        if isinstance(file, RemoteFile) and file.drive_id is not None:
            return expected, (DriveFile(file.drive_id),), None
        if isinstance(file, RemoteFile) and file.hub is not None:
            return self._resolve_hub(file.hub, expected, file.hub.path or file.name, piece.target)
        return expected, tuple(self._web_file(url) for url in file.urls), None

    def _web_file(self, url: str) -> WebFile:
        address, page = Address(url), self._card.access.page
        if page is not None and address.parsed.host == self._page_host:
            return WebFile(address, self._token, page)
        return WebFile(address, None, None)

    def _resolve_hub(
        self, hub: HubSource, expected: ExpectedFile, path: str, target: Path
    ) -> _Resolved:
        mirror = self._context.mirror
        is_here = target.is_file() or (mirror is not None and (mirror / expected.name).is_file())
        if is_here and expected.checksum is not None:
            return expected, (), None
        try:
            revision, files = self._listing(hub)
            if path not in files:
                raise OriginError(f"{hub.repo} at {revision}: has no file {path}")
        except OriginError as error:
            if is_here:  # a machine without internet
                return expected, (), None
            raise OriginError(
                f"{expected.name}: {error}. Or get the file in another way and save it as {target}."
            ) from None
        found = files[path]
        checksum = expected.checksum or found.checksum
        return replace(expected, size=found.size, checksum=checksum), (found.origin,), revision

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

    def _download(
        self,
        piece: Piece,
        planned: PlannedFile,
        expected: ExpectedFile,
        origins: Sequence[Origin],
        revision: str | None,
    ) -> FetchedFile:
        """Download a piece to its target, or find it there or where the user has dropped it.

        The journal records it before it gets its name: a file without an entry is the user's.
        """
        journal, target = self._journal, piece.target
        drop_path = downloads_folder(self._source) / piece.name
        known = journal.find(piece.name)
        if known and target.is_file() and target.stat().st_size == known.size:
            clear_note(target)  # a process may have been killed before it did
            return known
        if planned.manual and not target.exists():
            try:
                require_content(expected, drop_path)
            except WrongContentError as error:
                message = f"{drop_path}: {error}. Move it away, and run the same command again."
                raise WrongContentError(message) from None
        if drop_path != target and drop_path.is_file():
            origins = (FolderFile(drop_path), *origins)

        def to_fetched(got: DownloadedFile) -> FetchedFile:
            by_hand = got.origin in {None, str(drop_path)}
            origin = None if by_hand else got.origin
            file = planned.file.name
            return FetchedFile(file, piece.name, origin, got.size, got.sha256, revision)

        def note(got: DownloadedFile) -> None:
            if planned.has_videos and not planned.needs_unpacking:
                journal.begin_videos()
            journal.add(to_fetched(got))

        record = not planned.needs_unpacking
        context = self._context
        got = download(expected, origins, target, context, record=record, before_placing=note)
        if got.origin is None:  # it was here already
            note(got)
        return to_fetched(got)

    def _unpack(self, planned: PlannedFile) -> list[Path]:
        """Unpack the pieces as one archive into the planned folder; returns the files there.

        With `unpack: auto`, a download that is not an archive goes there as it is.
        """
        paths, file = [piece.target for piece in planned.pieces], planned.file
        if file.unpack == "auto" and not is_archive(paths[0]):
            if found := document_in(paths[0]):
                wanted = "an archive and not a video"
                raise WrongContentError(f"{paths[0]}: is {found.instead_of(wanted)}; delete it")
            return [_place(paths[0], planned.folder)]
        if file.limits is None:
            raise CardError(f"card {self._card.name}: {file.name} is unpacked but has no limits")
        # Patterns of whole paths: each name stands for a file, or a folder with all that is in it.
        private = [
            pattern
            for name in self._card.never_keep
            for pattern in (name, f"*/{name}", f"{name}/*", f"*/{name}/*")
        ]
        placed = unpack(
            paths,
            planned.folder,
            max_files=file.limits.files,
            max_bytes=file.limits.bytes,
            private=private,
            password_variable=file.password_env,
        )
        return [planned.folder / path for path in placed]


def remove_archives(fetched: Sequence[FetchedFile], downloads: Path) -> None:
    """Remove downloads that are unpacked; the files that the user has dropped stay."""
    if all(one.origin for one in fetched):
        for one in fetched:
            archive = downloads / one.name
            if archive.is_file() and archive.stat().st_size == one.size:
                archive.unlink(missing_ok=True)


def _place(path: Path, folder: Path) -> Path:
    """Copy a file into its folder; the original stays until the journal has the copy."""
    target = folder / path.name
    if not target.exists():
        with whole_file(target) as part:
            shutil.copyfile(path, part)
    elif not filecmp.cmp(path, target, shallow=False):
        raise conflict_error(target)
    return target
