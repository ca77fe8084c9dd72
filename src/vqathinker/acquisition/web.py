"""One file from a web server: Range, redirects, tokens, and servers that stall (RFC 9110).

TLS is always verified: an expired certificate (KoNViD's was seen so) is a reason to use a mirror,
not to look away. Signed addresses carry a credential in their query, so only scheme, host and path
are ever shown.
"""

import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from time import monotonic

import httpx2

from vqathinker.acquisition.errors import (
    GoneError,
    OriginError,
    TransferError,
    TransientError,
    require_space,
)
from vqathinker.acquisition.partial import PartialFile
from vqathinker.acquisition.progress import ReportProgress
from vqathinker.acquisition.retry import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, parse_retry_after
from vqathinker.acquisition.secret import Secret

_log = logging.getLogger(__name__)
# Below a warning the clients' own messages hold whole addresses, with their signatures.
for _client in ("httpx2", "httpcore2", "urllib3"):
    logging.getLogger(_client).setLevel(logging.WARNING)

# A connection slower than this over READ_TIMEOUT_S counts as stalled.
_SLOWEST_BYTES_PER_S = 1000
_TRANSIENT_STATUSES = {408, 425, 429, 500, 502, 503, 504}
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, repr=False)
class Address:
    """An http or https address; `str` leaves query and fragment out.

    It is parsed by the HTTP client: two parsers can disagree about the host, and then a token goes
    to the wrong one.

    Raises:
        ValueError: no such address, or one with a user name inside; the message shows no query.
    """

    url: str

    def __post_init__(self) -> None:
        try:
            valid = self.parsed.scheme in ("https", "http") and bool(self.parsed.host)
            valid = valid and not self.parsed.userinfo
        except httpx2.InvalidURL:
            valid = False
        if not valid:
            without_secrets = self.url.partition("?")[0].rpartition("@")[2]
            raise ValueError(
                f"{without_secrets!r}: expected an address that starts with https:// or http:// "
                "and holds no user name or password"
            )

    @property
    def parsed(self) -> httpx2.URL:
        """Its parts; the host is in lower case."""
        return httpx2.URL(self.url)

    @property
    def suffix(self) -> str:
        """Last suffix of the file's name in lower case, such as ".zip"; empty without one."""
        return PurePosixPath(self.parsed.path).suffix.lower()

    def __str__(self) -> str:
        shown = self.parsed.copy_with(query=None, fragment=None)
        return f"{shown}?…" if self.parsed.query else str(shown)

    __repr__ = __str__


@dataclass(frozen=True)
class WebFile:
    """A file at an address.

    Args:
        address: where it is.
        token_variable: environment variable that holds a bearer token for this host; None for a
            host that asks for none.
        page: where to ask for access, named when the server refuses.
    """

    address: Address
    token_variable: str | None = None
    page: str | None = None

    def fetch(self, part: PartialFile, report: ReportProgress) -> None:
        """Bring `part` to its end, from where it is.

        Args:
            part: holds the whole file afterwards, not yet checked.
            report: told the bytes that are there and the bytes there will be, None when unknown.

        Raises:
            TransientError: may succeed when tried again; what came is kept.
            OriginError: this server does not give this file.
            DiskFullError: it does not fit.
        """
        token = Secret.from_environment(self.token_variable)
        parsed = self.address.parsed
        if token and parsed.scheme != "https" and parsed.host not in _LOOPBACK:
            raise OriginError(f"{token.name} is not sent over http://, where anybody can read it")
        try:
            self._fetch(part, report, token)
        except httpx2.HTTPError as error:
            failure = _to_transfer_error(error)
        else:
            return
        raise failure  # out here: a context would keep the client's frames, which hold the token

    def __str__(self) -> str:
        return str(self.address)

    def _fetch(self, part: PartialFile, report: ReportProgress, token: Secret | None) -> None:
        # Tells one address from another, query included, without showing it.
        origin = hashlib.sha256(self.address.url.encode()).hexdigest()[:16]
        # As it is: what is compressed on the way has other bytes, and no range can continue it.
        headers = {"Accept-Encoding": "identity", "User-Agent": "vqathinker"}
        may_continue, validator = part.resume_condition(origin)
        if may_continue:
            headers["Range"] = f"bytes={part.size}-"
            if validator is not None:
                headers["If-Range"] = validator
        # The client leaves the token behind at a redirect to another scheme, host or port.
        client = httpx2.Client(
            timeout=httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            follow_redirects=True,
            event_hooks={"request": [self._refuse_leaving_tls]},
        )
        auth = None if token is None else _bearer(token)
        with client, client.stream("GET", self.address.url, headers=headers, auth=auth) as response:
            _log.info("%s: %d, from byte %d", self, response.status_code, part.size)
            if response.headers.get("Content-Range") == f"bytes */{part.size}":
                return  # 416: the bytes that are here are the whole file
            self._raise_for_answer(response, part)
            _begin(response, part, origin)
            if part.total is not None:
                require_space(part.path, part.total - part.size)
            _append_body(response, part, report)

    def _refuse_leaving_tls(self, request: httpx2.Request) -> None:
        if self.address.parsed.scheme == "https" != request.url.scheme:
            raise OriginError(f"redirects from https to {request.url.scheme}://{request.url.host}")

    def _raise_for_answer(self, response: httpx2.Response, part: PartialFile) -> None:
        """Refuse every answer that is not the file as it is."""
        status, reason = response.status_code, f"{response.status_code} {response.reason_phrase}"
        if status == 416:
            part.discard()
            raise TransientError(f"{reason}: has another size than the bytes that are here")
        if status in _TRANSIENT_STATUSES:
            retry_after = parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
            raise TransientError(reason, retry_after)
        if status in (401, 403):
            raise OriginError(f"{reason}; {self._access_hint()}")
        if status in (404, 410):
            raise GoneError(reason)
        if status not in (200, 206):
            raise OriginError(reason)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "text/html" and self.address.suffix not in (".html", ".htm"):
            raise OriginError(f"a web page came instead of the file; {self._access_hint()}")

    def _access_hint(self) -> str:
        hint = "it may ask for a login"
        if self.token_variable is not None:
            state = "is set" if Secret.from_environment(self.token_variable) else "is not set"
            hint = f"${self.token_variable} {state}: it has to hold a token with access"
        return hint if self.page is None else f"{hint}, see {self.page}"


def _bearer(token: Secret) -> Callable[[httpx2.Request], httpx2.Request]:
    def authorize(request: httpx2.Request) -> httpx2.Request:
        request.headers["Authorization"] = f"Bearer {token.reveal()}"
        return request

    return authorize


def _append_body(response: httpx2.Response, part: PartialFile, report: ReportProgress) -> None:
    """Append the body; a read timeout only sees where nothing comes, here slowness counts too."""
    began, received = monotonic(), 0
    report(part.size, part.total)
    for chunk in response.iter_raw():
        part.append(chunk)
        report(part.size, part.total)
        received += len(chunk)
        seconds = monotonic() - began
        if seconds >= READ_TIMEOUT_S:
            if received < _SLOWEST_BYTES_PER_S * seconds:
                raise TransientError(f"stalled: {received:,} bytes in {seconds:.0f} s")
            began, received = monotonic(), 0


def _begin(response: httpx2.Response, part: PartialFile, origin: str) -> None:
    """Prepare `part` for the body: it goes on behind the bytes that are there, or is all anew.

    Raises:
        TransientError: it is of another place or another file; what is there is thrown away.
        OriginError: it is of another size than expected, or nothing tells where the file ends.
    """
    headers, expected = response.headers, part.expected
    if response.status_code == 206:
        stated = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
        total = part.total if stated is None or stated[2] == "*" else int(stated[2])
        if stated is None or int(stated[1]) != part.size or part.total not in (None, total):
            part.discard()
            raise TransientError("sent another part of the file, or of another file, than asked")
        part.total = total
        return
    chunked = headers.get("Transfer-Encoding", "").lower() == "chunked"
    total = int(headers["Content-Length"]) if "Content-Length" in headers else expected.size
    if total is None and expected.checksum is None and not chunked:
        raise OriginError("says neither how long the file is nor where it ends")
    if expected.size not in (None, total):
        raise OriginError(f"has {total:,} bytes, expected {expected.size:,}")
    # What names this version of the file to the byte, as If-Range takes it (section 8.8).
    tag = headers.get("ETag") or "W/"
    part.restart(origin, headers.get("Last-Modified") if tag.startswith("W/") else tag, total)


def _to_transfer_error(error: httpx2.HTTPError) -> TransferError:
    if isinstance(error, httpx2.ConnectTimeout):
        return TransientError("no connection in time")
    if isinstance(error, httpx2.TimeoutException):
        return TransientError("stalled: no byte in time")
    if isinstance(error, httpx2.ConnectError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return OriginError(f"its TLS certificate is not valid, so it is not trusted: {error}")
    if isinstance(error, httpx2.NetworkError | httpx2.RemoteProtocolError | httpx2.ProxyError):
        return TransientError(f"connection lost: {error}")
    return OriginError(f"cannot be asked: {type(error).__name__}")
