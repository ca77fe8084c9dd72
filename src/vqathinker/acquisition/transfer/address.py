"""Addresses of files on the web, printed without what a query may hide.

Signed addresses carry a credential in their query, so only scheme, host and path are ever shown.
The parser is the HTTP client's own: two parsers can disagree about the host, and then a token goes
to the wrong one.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

import httpx2

__all__ = ["Address"]

_PORTS = {"http": 80, "https": 443}
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, repr=False)
class Address:
    """An http or https address; `str` leaves query and fragment out.

    Raises:
        ValueError: no such address, or one with a user name inside; the message shows no query.
    """

    url: str

    def __post_init__(self) -> None:
        if self._parsed.scheme not in _PORTS or not self._parsed.host:
            raise ValueError(f"{self}: expected an address that starts with https:// or http://")
        if self._parsed.userinfo:
            raise ValueError(
                f"{self}: holds a user name or password; name an environment variable that holds "
                "a token instead"
            )

    @cached_property
    def _parsed(self) -> httpx2.URL:
        try:
            return httpx2.URL(self.url)
        except httpx2.InvalidURL:
            pass
        without_secrets = self.url.partition("?")[0].rpartition("@")[2]
        raise ValueError(f"{without_secrets!r}: no address of the web")

    @property
    def server(self) -> tuple[str, str, int]:
        """Scheme, host and port: what a token is for."""
        scheme = self._parsed.scheme
        return scheme, self._parsed.host, self._parsed.port or _PORTS[scheme]

    @property
    def is_confidential(self) -> bool:
        """Whether nobody on the way to the host can listen: TLS, or this very machine."""
        scheme, host, _ = self.server
        return scheme == "https" or host in _LOOPBACK

    @property
    def fingerprint(self) -> str:
        """Tells one address from another, query included, without showing it."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]

    @property
    def suffix(self) -> str:
        """Last suffix of the file's name in lower case, such as ".zip"; empty without one."""
        return PurePosixPath(self._parsed.path).suffix.lower()

    def join(self, location: str) -> "Address":
        """Where a redirect to `location` leads; ValueError when that is no web address."""
        try:
            return Address(str(self._parsed.join(location)))
        except httpx2.InvalidURL:
            pass
        raise ValueError(f"{self}: redirects to what is no address of the web")

    def __str__(self) -> str:
        parsed = self._parsed
        query = "?…" if parsed.query else ""
        return f"{parsed.scheme}://{parsed.netloc.decode()}{parsed.path}{query}"

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"
