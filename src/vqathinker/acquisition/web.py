"""Download files from web servers, with ranges, redirects and tokens (RFC 9110).

TLS certificates are always verified. If one has expired, as KoNViD's did once, use a mirror. The
query of a signed address is a credential, so messages and logs contain scheme, host and path only.
"""

import hashlib
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

import httpx2

from vqathinker.acquisition.errors import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    NotFoundError,
    OriginError,
    TransferError,
    TransientError,
    parse_retry_after,
    require_space,
)
from vqathinker.acquisition.partial import PartialFile, ReportProgress
from vqathinker.acquisition.secret import read_secret

_log = logging.getLogger(__name__)
# At lower levels, the clients log complete addresses with their signatures.
for _client in ("httpx2", "httpcore2", "urllib3"):
    logging.getLogger(_client).setLevel(logging.WARNING)

_TRANSIENT_STATUSES = {408, 425, 429, 500, 502, 503, 504}
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, repr=False)
class Address:
    """An http or https address; `str` omits query and fragment.

    Raises:
        ValueError: any other address, or one with a user name; the message omits the query.
    """

    url: str

    def __post_init__(self) -> None:
        try:
            valid = self.components.scheme in ("https", "http") and bool(self.components.host)
            valid = valid and not self.components.userinfo
        except httpx2.InvalidURL:
            valid = False
        if not valid:
            without_secrets = self.url.partition("?")[0].rpartition("@")[2]
            raise ValueError(
                f"{without_secrets!r}: expected an address that starts with https:// or http:// "
                "and contains no user name or password"
            )

    @property
    def components(self) -> httpx2.URL:
        """Components of the address, with the host in lower case."""
        # The HTTP client's own parser: if two parsers disagreed about the host, a token could go
        # to the wrong one.
        return httpx2.URL(self.url)

    @property
    def suffix(self) -> str:
        """Last suffix of the path in lower case, such as ".zip"; may be empty."""
        return PurePosixPath(self.components.path).suffix.lower()

    def __str__(self) -> str:
        url = self.components.copy_with(query=None, fragment=None)
        return f"{url}?…" if self.components.query else str(url)

    __repr__ = __str__


@dataclass(frozen=True)
class WebFile:
    """A file at an address.

    Args:
        address: of the file.
        token_variable: environment variable with a bearer token for this host, or None.
        page: where to request access; used in messages.
    """

    address: Address
    token_variable: str | None = None
    page: str | None = None

    def fetch(self, part: PartialFile, report: ReportProgress) -> None:
        """Download the rest of `part`, without verifying it.

        Raises:
            TransientError: another attempt may succeed; it resumes from the current size.
            OriginError: this server does not deliver the file.
            DiskFullError: the disk has too little free space.
        """
        token, address = read_secret(self.token_variable), self.address.components
        if token and address.scheme != "https" and address.host not in _LOOPBACK:
            raise OriginError(
                f"${self.token_variable} is not sent over http://, which is not encrypted"
            )
        # Identifies the address, including its query, without revealing it.
        origin = hashlib.sha256(self.address.url.encode()).hexdigest()[:16]
        # A content encoding would change the bytes, and the download could not be resumed.
        # httpx2.Headers, unlike a dict, hides the token in tracebacks.
        headers = httpx2.Headers({"Accept-Encoding": "identity", "User-Agent": "vqathinker"})
        may_continue, validator = part.resume_condition(origin)
        if may_continue:
            headers["Range"] = f"bytes={part.size}-"
            if validator is not None:
                headers["If-Range"] = validator
        if token is not None:  # the client drops it when redirected to another host or port
            headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        client = httpx2.Client(
            timeout=httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            follow_redirects=True,
            event_hooks={"request": [self._refuse_downgrade]},
        )
        try:
            with client, client.stream("GET", self.address.url, headers=headers) as response:
                _log.info("%s: %d, from byte %d", self, response.status_code, part.size)
                if response.headers.get("Content-Range") == f"bytes */{part.size}":
                    return  # status 416: the file is complete
                self._raise_for_status(response, part)
                _start_body(response, part, origin)
                if part.total is not None:
                    require_space(part.path, part.total - part.size)
                report(part.size, part.total)
                for chunk in response.iter_raw():
                    part.append(chunk)
                    report(part.size, part.total)
        except httpx2.HTTPError as error:
            raise _to_transfer_error(error) from None

    def __str__(self) -> str:
        return str(self.address)

    def _refuse_downgrade(self, request: httpx2.Request) -> None:
        if self.address.components.scheme == "https" != request.url.scheme:
            raise OriginError(f"redirects from https to {request.url.scheme}://{request.url.host}")

    def _raise_for_status(self, response: httpx2.Response, part: PartialFile) -> None:
        """Raise unless the response contains the file or a part of it."""
        status, reason = response.status_code, f"{response.status_code} {response.reason_phrase}"
        if status == 416:
            part.discard()
            raise TransientError(f"{reason}: the file is shorter than the bytes downloaded so far")
        if status in _TRANSIENT_STATUSES:
            retry_after = parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
            raise TransientError(reason, retry_after)
        if status in (401, 403):
            raise OriginError(f"{reason}; {self._access_hint()}")
        if status in (404, 410):
            raise NotFoundError(reason)
        if status not in (200, 206):
            raise OriginError(reason)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "text/html" and self.address.suffix not in (".html", ".htm"):
            raise OriginError(f"sent a web page instead of the file; {self._access_hint()}")

    def _access_hint(self) -> str:
        hint = "it may require a login"
        if self.token_variable is not None:
            state = "is set" if read_secret(self.token_variable) else "is not set"
            hint = f"${self.token_variable} {state}: set it to a token with access"
        return hint if self.page is None else f"{hint}, see {self.page}"


def _start_body(response: httpx2.Response, part: PartialFile, origin: str) -> None:
    """Prepare `part` for the body, which either resumes it or is the complete file.

    Raises:
        TransientError: the body is not the requested range; all bytes are discarded.
        OriginError: the file does not have the expected size, or nothing marks its end.
    """
    headers, expected = response.headers, part.expected
    if response.status_code == 206:
        stated = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
        total = part.total if stated is None or stated[2] == "*" else int(stated[2])
        if stated is None or int(stated[1]) != part.size or part.total not in (None, total):
            part.discard()
            raise TransientError("sent a different range than requested")
        part.total = total
        return
    chunked = headers.get("Transfer-Encoding", "").lower() == "chunked"
    total = int(headers["Content-Length"]) if "Content-Length" in headers else expected.size
    if total is None and expected.checksum is None and not chunked:
        raise OriginError("sends neither the length of the file nor chunks that mark its end")
    if expected.size not in (None, total):
        raise OriginError(f"has {total:,} bytes, expected {expected.size:,}")
    # If-Range needs a strong validator, which a weak ETag is not (section 8.8).
    tag = headers.get("ETag") or "W/"
    part.restart(origin, headers.get("Last-Modified") if tag.startswith("W/") else tag, total)


def _to_transfer_error(error: httpx2.HTTPError) -> TransferError:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return OriginError(f"its TLS certificate is not valid: {error}")
    if isinstance(error, httpx2.TransportError) and not isinstance(
        error, httpx2.UnsupportedProtocol
    ):
        return TransientError(f"connection failed: {type(error).__name__} {error}".strip())
    return OriginError(f"request failed: {type(error).__name__}")
