"""Download the files of a card, unpack them, and put them into the source folder.

The steps share state only through the journal on disk. An interrupted step is repeated by the next
call, which finds the files and partial files of the previous one.
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
    LocalFile,
    Origin,
    download,
    record_hash,
    require_no_placeholder,
)
from vqathinker.acquisition.drive import DriveFile
from vqathinker.acquisition.errors import OriginError, WrongContentError, make_conflict_error
from vqathinker.acquisition.hub import HubFile, list_hub_files
from vqathinker.acquisition.partial import ExpectedFile
from vqathinker.acquisition.unpack import unpack
from vqathinker.acquisition.web import Address, WebFile
from vqathinker.atomic import whole_file
from vqathinker.datasets.card import Card, CardError
from vqathinker.datasets.fetching.journal import FetchedFile, FetchJournal
from vqathinker.datasets.fetching.manual_files import (
    downloads_folder,
    find_manual_files,
    require_password,
)
from vqathinker.datasets.remote_file import FilePart, HubSource, RemoteFile

_BRANCH = "main"
_HUB_HOST = "huggingface.co"
_Listing = tuple[str, dict[str, HubFile]]  # commit, and files by path


class _Download(NamedTuple):
    """One download: a file of the card, a part of one, or a file that the user has saved."""

    name: str  # in the journal and in `downloads`, where the user may have saved the file
    target: Path
    expected: ExpectedFile
    origins: tuple[Origin, ...] = ()
    revision: str | None = None  # commit of the hub


class FileFetcher:
    """Fetches the files of one card; queries the hub once per repository.

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
        # A token goes only to the host whose page issued it: label files of gated sets are on other
        # servers. The password of an archive is not a token.
        self._page_host = urlsplit(card.access.page or "").hostname
        passwords = {file.password_env for file in card.files}
        self._token = None if card.access.token_env in passwords else card.access.token_env
        self._listings: dict[tuple[str, str | None], _Listing | OriginError] = {}

    def is_in_place(self, file: RemoteFile) -> bool:
        """Whether a file of the card has been fetched and its content is in the source folder."""
        fetched = self._journal.downloads_of(file.name)
        return bool(fetched) and all(one.is_in_place(self._source) for one in fetched)

    def fetch(self, file: RemoteFile) -> None:
        """Fetch a file unless it is in place; for a manual file, use what the user has saved.

        Raises:
            TransferError: the file cannot be downloaded or unpacked; the next call resumes.
            UserActionError: the file is encrypted and its password is not set.
        """
        if file.manual:
            for path in find_manual_files(self._card, file, downloads_folder(self._source)):
                known, size = self._journal.find(path.name), path.stat().st_size
                if not known or known.size != size or not known.is_in_place(self._source):
                    self._fetch_and_place(file, path)
        elif not self.is_in_place(file):
            require_password(self._card, file)
            self._fetch_and_place(file, None)
        # Only after the journal lists its files: an interrupted call still needs the archive.
        if file.unpack != "none" and not self._keep_archives and self.is_in_place(file):
            fetched = self._journal.downloads_of(file.name)
            for one in fetched if all(one.origin for one in fetched) else ():
                archive = downloads_folder(self._source) / one.name
                if archive.is_file() and archive.stat().st_size == one.size:
                    archive.unlink()

    def _fetch_and_place(self, file: RemoteFile, saved: Path | None) -> None:
        """Download a file into its folder, or download archives into `downloads` and unpack them.

        `saved` is the file that the user has saved, for a manual file.
        """
        unpacks, name = file.unpack != "none", saved.name if saved else file.name
        if saved is not None and file.unpack == "auto":
            unpacks = is_archive(saved)
        folder = self._source / file.folder(name if saved else None)
        if unpacks:
            parts = [(name, file)] if saved else [(one.name, one) for one in file.parts or [file]]
            archives = downloads_folder(self._source)
            downloads = [
                # Only the first part starts like an archive.
                self._plan_download(part, archives / part, entry, is_binary=number == 0)
                for number, (part, entry) in enumerate(parts)
            ]
        else:
            target = folder / (file.name if file.unpack == "none" else name)
            downloads = [self._plan_download(name, target, file, is_binary=_is_video(file))]
        for item in downloads:
            self._download(item, file, unpacks=unpacks)
        fetched = [one for item in downloads if (one := self._journal.find(item.name))]
        if unpacks:
            self._journal.mark_videos_started()
            paths = self._unpack(file, [item.target for item in downloads], folder)
        else:
            paths = [item.target for item in downloads]
        # Only now, when the content could be read: see `record_hash`.
        for item, one in zip(downloads, fetched, strict=True):
            record_hash(item.expected, one.size, one.sha256, one.origin, self._context)
        sizes = {path.relative_to(self._source).as_posix(): path.stat().st_size for path in paths}
        for one in fetched:
            self._journal.add(replace(one, files=sizes))

    def _plan_download(
        self, name: str, target: Path, entry: RemoteFile | FilePart, *, is_binary: bool
    ) -> _Download:
        """Collect size, hash and origins of a download from the card or the hub."""
        checksum = None if entry.sha256 is None else Checksum("sha256", entry.sha256)
        # All sets share the mirror folder and the hash table, so the name includes the set.
        full_name = f"{self._card.name}/{name}"
        expected = ExpectedFile(full_name, entry.bytes, checksum, is_binary)
        item = _Download(name, target, expected)
        if isinstance(entry, RemoteFile) and entry.manual:
            return item
        if isinstance(entry, RemoteFile) and entry.drive_id is not None:
            return item._replace(origins=(DriveFile(entry.drive_id),))
        if isinstance(entry, RemoteFile) and entry.hub is not None:
            return self._plan_hub_download(item, entry.hub, entry.name)
        origins = []
        for address in map(Address, entry.urls):
            access = (self._token, self._card.access.page)
            is_page_host = address.components.host == self._page_host
            origins.append(WebFile(address, *access) if is_page_host else WebFile(address))
        return item._replace(origins=tuple(origins))

    def _plan_hub_download(self, item: _Download, hub: HubSource, path: str) -> _Download:
        expected, mirror = item.expected, self._context.mirror
        in_mirror = mirror is not None and (mirror / expected.name).is_file()
        is_here = item.target.is_file() or in_mirror
        if is_here and expected.checksum is not None:
            return item
        try:
            revision, files = self._list_repository(hub)
            if path not in files:
                raise OriginError(f"{hub.repo} at {revision}: has no file {path}")
        except OriginError as error:
            if is_here:  # machines without internet use the file without the hub's hash
                return item
            hint = f"Alternatively, obtain the file elsewhere and save it as {item.target}."
            raise OriginError(f"{expected.name}: {error}. {hint}") from None
        found = files[path]
        checksum = expected.checksum or found.checksum
        expected = replace(expected, size=found.size, checksum=checksum)
        return item._replace(expected=expected, origins=(found.origin,), revision=revision)

    def _list_repository(self, hub: HubSource) -> _Listing:
        """Commit and files of a repository; raises OriginError. Both outcomes are cached."""
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

    def _download(self, item: _Download, file: RemoteFile, *, unpacks: bool) -> None:
        """Download a file to its target, unless it is there or the user has saved it.

        The journal records it before the file gets its final name, because a file without an entry
        counts as the user's.
        """
        journal, target, origins = self._journal, item.target, item.origins
        saved_path = downloads_folder(self._source) / item.name
        known = journal.find(item.name)
        if known and target.is_file() and target.stat().st_size == known.size:
            return
        if file.manual and not target.exists():
            try:
                require_no_placeholder(item.expected, saved_path)
            except WrongContentError as error:
                message = f"{saved_path}: {error}. Move it elsewhere and rerun the same command."
                raise WrongContentError(message) from None
        if saved_path != target and saved_path.is_file():
            origins = (LocalFile(saved_path), *origins)

        def record(got: DownloadedFile) -> None:
            if _is_video(file) and not unpacks:
                journal.mark_videos_started()
            origin = None if got.origin in {None, str(saved_path)} else got.origin
            facts = got.size, got.sha256, item.revision
            journal.add(FetchedFile(file.name, item.name, origin, *facts))

        got = download(item.expected, origins, target, self._context, on_verified=record)
        if got.origin is None:  # the file already existed
            record(got)

    def _unpack(self, file: RemoteFile, archives: Sequence[Path], folder: Path) -> list[Path]:
        """Unpack an archive, given by its parts, into a folder; return the unpacked files.

        With `unpack: auto`, a download that is not an archive is copied unchanged.
        """
        if file.unpack == "auto" and not is_archive(archives[0]):
            return [_copy_into(archives[0], folder)]
        if file.limits is None:
            raise CardError(f"card {self._card.name}: {file.name} needs `limits` to be unpacked")
        paths = unpack(
            archives,
            folder,
            max_files=file.limits.files,
            max_bytes=file.limits.bytes,
            is_private=self._card.is_private,
            password_variable=file.password_env,
        )
        return [folder / path for path in paths]


def _is_video(file: RemoteFile) -> bool:
    """Whether a file that is not unpacked is a video, not labels or questions."""
    return PurePosixPath(file.folder()).parts[:1] == ("videos",)


def _copy_into(path: Path, folder: Path) -> Path:
    """Copy a file into its folder. The original stays until the journal lists the copy."""
    target = folder / path.name
    if not target.exists():
        with whole_file(target) as part:
            shutil.copyfile(path, part)
    elif not filecmp.cmp(path, target, shallow=False):
        raise make_conflict_error(target)
    return target
