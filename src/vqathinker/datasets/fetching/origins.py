"""From where a planned piece can come, and what is known of it before it does.

A token goes to the host whose page gave it, and to no other: the label files of gated sets lie on
servers that it is not for, and the password of an archive is no token at all.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import constants

from vqathinker.acquisition.checksum import Checksum
from vqathinker.acquisition.download import DownloadContext, FolderFile, Origin
from vqathinker.acquisition.drive import DriveFile
from vqathinker.acquisition.errors import OriginError
from vqathinker.acquisition.hub import HubFile, list_hub_files
from vqathinker.acquisition.partial import ExpectedFile
from vqathinker.acquisition.web import Address, WebFile
from vqathinker.datasets.card import Card
from vqathinker.datasets.fetching.journal import FetchJournal
from vqathinker.datasets.fetching.plan import Piece
from vqathinker.datasets.remote_file import HubSource, RemoteFile

__all__ = ["OriginResolver", "ResolvedFile"]

_BRANCH = "main"
_HUB_HOST = "huggingface.co"


@dataclass(frozen=True)
class ResolvedFile:
    """What is known of a file, where it can come from, and of which commit of the hub it is."""

    expected: ExpectedFile
    origins: tuple[Origin, ...]
    revision: str | None = None


class OriginResolver:
    """Finds the origins of one card's files; each repository of the hub is asked once.

    Args:
        card: of the set.
        context: policy of tries and mirror folder.
        journal: remembers the commit of a repository whose card names none.
    """

    def __init__(self, card: Card, context: DownloadContext, journal: FetchJournal) -> None:
        self._card, self._context, self._journal = card, context, journal
        self._listings: dict[HubSource, tuple[str, dict[str, HubFile]] | OriginError] = {}

    def resolve(self, piece: Piece) -> ResolvedFile:
        """Where a piece can come from: where a person may have dropped it first.

        Raises:
            OriginError: the hub does not list the file, and it is in no mirror folder.
        """
        resolved = self._resolve_stated(piece)
        if piece.drop_path != piece.target and piece.drop_path.is_file():
            return replace(resolved, origins=(FolderFile(piece.drop_path), *resolved.origins))
        return resolved

    def _resolve_stated(self, piece: Piece) -> ResolvedFile:
        file = piece.stated
        checksum = None if file.sha256 is None else Checksum("sha256", file.sha256)
        # All sets share the mirror folder and the table of hashes, so the name says which it is of.
        name = f"{self._card.name}/{piece.name}"
        expected = ExpectedFile(name, file.bytes, checksum, piece.is_binary)
        if piece.manual:
            return ResolvedFile(expected, ())
        if isinstance(file, RemoteFile) and file.drive_id is not None:
            return ResolvedFile(expected, (DriveFile(file.drive_id),))
        if isinstance(file, RemoteFile) and file.hub is not None:
            return self._resolve_hub(file.hub, expected, file.hub.path or file.name, piece.target)
        return ResolvedFile(expected, tuple(self._web_file(url) for url in file.urls))

    def _web_file(self, url: str) -> WebFile:
        access, address = self._card.access, Address(url)
        ours = access.page is not None and address.parsed.host == urlsplit(access.page).hostname
        return WebFile(
            address, self._token_variable() if ours else None, access.page if ours else None
        )

    def _token_variable(self) -> str | None:
        """The variable with a token; None where what it holds opens archives."""
        variable = self._card.access.token_env
        passwords = {file.password_env for file in self._card.files}
        return None if variable in passwords else variable

    def _resolve_hub(
        self, hub: HubSource, expected: ExpectedFile, path: str, target: Path
    ) -> ResolvedFile:
        mirror = self._context.mirror
        at_hand = target.is_file() or (mirror is not None and (mirror / expected.name).is_file())
        if at_hand and expected.checksum is not None:
            return ResolvedFile(expected, ())
        try:
            revision, files = self._listing(hub)
            if path not in files:
                raise OriginError(f"{hub.repo} at {revision}: has no file {path}")
        except OriginError as error:
            if at_hand:  # a machine without internet
                return ResolvedFile(expected, ())
            raise OriginError(
                f"{expected.name}: {error}. Or get the file by other ways and put it to {target}."
            ) from None
        found = files[path]
        checksum = expected.checksum or found.checksum
        listed = replace(expected, size=found.size, checksum=checksum)
        return ResolvedFile(listed, (found.origin,), revision)

    def _listing(self, hub: HubSource) -> tuple[str, dict[str, HubFile]]:
        """Commit and files of a repository; one that refuses is not asked for each of its files."""
        key = hub.model_copy(update={"path": None})
        if key not in self._listings:
            try:
                self._listings[key] = self._request_listing(hub)
            except OriginError as error:
                self._listings[key] = error
        listing = self._listings[key]
        if isinstance(listing, OriginError):
            raise OriginError(str(listing))
        return listing

    def _request_listing(self, hub: HubSource) -> tuple[str, dict[str, HubFile]]:
        page = urlsplit(self._card.access.page or "").hostname
        hub_hosts = {_HUB_HOST, urlsplit(constants.ENDPOINT).hostname}
        token = self._token_variable() if page in hub_hosts else None
        known = hub.revision or self._journal.revision_of(hub.repo)
        policy = self._context.policy
        revision, files = list_hub_files(hub.repo, known or _BRANCH, policy, token)
        if known is None:
            self._journal.pin_revision(hub.repo, revision)
        return revision, files
