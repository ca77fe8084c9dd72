"""From a file of a card to what is wanted of it and the origins that it can come from.

A token goes to the host whose page gave it, and to no other: the label files of gated sets lie on
servers that it is not for, and the password of an archive is no token at all.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import constants

from vqathinker.acquisition.transfer.address import Address
from vqathinker.acquisition.transfer.checksum import Checksum
from vqathinker.acquisition.transfer.download import Means, Origin
from vqathinker.acquisition.transfer.drive import DriveFile
from vqathinker.acquisition.transfer.failure import OriginError
from vqathinker.acquisition.transfer.hub import HubFile, list_hub_files
from vqathinker.acquisition.transfer.partial import Wanted
from vqathinker.acquisition.transfer.repository import HubRepository, head_of
from vqathinker.acquisition.transfer.web import WebFile
from vqathinker.datasets.bringing.brought import BroughtLog
from vqathinker.datasets.card import Card
from vqathinker.datasets.origin import Hub, Part, RemoteFile

__all__ = ["Route", "Routes"]

_BRANCH = "main"
_HUB_HOST = "huggingface.co"


@dataclass(frozen=True)
class Route:
    """What is known of a file, where it can come from, and of which commit of the hub it is."""

    wanted: Wanted
    origins: tuple[Origin, ...]
    revision: str | None = None


class Routes:
    """Ways of one card's files; each repository of the hub is asked once.

    Args:
        card: of the set.
        means: patience and mirror folder.
        log: remembers the commit of a repository whose card names none.
    """

    def __init__(self, card: Card, means: Means, log: BroughtLog) -> None:
        self._card, self._means, self._log = card, means, log
        self._listed: dict[Hub, tuple[str, dict[str, HubFile]] | OriginError] = {}

    def of(self, file: RemoteFile | Part, target: Path) -> Route:
        """The way of a file that will lie at `target`.

        Raises:
            OriginError: the hub does not list the file, and it is in no mirror folder.
        """
        wanted = self.wanted(file, file.name)
        if isinstance(file, RemoteFile) and file.drive_id is not None:
            return Route(wanted, (DriveFile(file.drive_id),))
        if isinstance(file, RemoteFile) and file.hub is not None:
            return self._of_hub(file.hub, wanted, file.hub.path or file.name, target)
        return Route(wanted, tuple(self._web(url) for url in file.urls))

    def wanted(self, file: RemoteFile | Part, name: str) -> Wanted:
        """What is known of a file that is kept as `name`; all sets have other names."""
        checksum = None if file.sha256 is None else Checksum("sha256", file.sha256)
        return Wanted(f"{self._card.name}/{name}", file.bytes, checksum)

    def _web(self, url: str) -> WebFile:
        access, address = self._card.access, Address(url)
        ours = access.page is not None and address.host[1] == urlsplit(access.page).hostname
        return WebFile(address, self._token() if ours else None, access.page if ours else None)

    def _token(self) -> str | None:
        """The variable with a token; None where what it holds opens archives."""
        variable = self._card.access.token_env
        passwords = {file.password_env for file in self._card.files}
        return None if variable in passwords else variable

    def _of_hub(self, hub: Hub, wanted: Wanted, path: str, target: Path) -> Route:
        mirror = self._means.mirror
        near = target.is_file() or (mirror is not None and (mirror / wanted.name).is_file())
        if near and wanted.checksum is not None:
            return Route(wanted, ())
        try:
            revision, files = self._list(hub)
            if path not in files:
                raise OriginError(f"{hub.repo} at {revision}: has no file {path}")
        except OriginError as error:
            if near:  # a machine without internet
                return Route(wanted, ())
            raise OriginError(
                f"{wanted.name}: {error}. Or get the file by other ways and put it to {target}."
            ) from None
        found = files[path]
        checksum = wanted.checksum or found.checksum
        return Route(Wanted(wanted.name, found.size, checksum), (found.origin,), revision)

    def _list(self, hub: Hub) -> tuple[str, dict[str, HubFile]]:
        key = hub.model_copy(update={"path": None})
        if key not in self._listed:
            try:
                self._listed[key] = self._ask(hub)
            except OriginError as error:
                self._listed[key] = error
        listed = self._listed[key]
        if isinstance(listed, OriginError):
            raise OriginError(str(listed))
        return listed

    def _ask(self, hub: Hub) -> tuple[str, dict[str, HubFile]]:
        means, endpoint = self._means, constants.ENDPOINT
        page = urlsplit(self._card.access.page or "").hostname
        token = self._token() if page in {_HUB_HOST, urlsplit(endpoint).hostname} else None
        revision = hub.revision or self._log.revision_of(hub.repo)
        if revision is None:
            revision = head_of(
                hub.repo, _BRANCH, means.patience, means.rng, means.sleep, token_variable=token
            )
            self._log.pin(hub.repo, revision)
        repository = HubRepository(hub.repo, revision, token_variable=token)
        found = list_hub_files(repository, means.patience, means.rng, means.sleep)
        return revision, {file.path: file for file in found}
