"""One file from a web server: Range, redirects, tokens, and servers that stall (RFC 9110).

TLS is always verified: an expired certificate (KoNViD's was seen so) is a reason to use a mirror,
not to look away.
"""

import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import httpx2

from vqathinker.acquisition.transfer.address import Address
from vqathinker.acquisition.transfer.disk import require_space
from vqathinker.acquisition.transfer.failure import (
    GoneError,
    OriginError,
    PassingError,
    TransferError,
)
from vqathinker.acquisition.transfer.partial import PartialFile
from vqathinker.acquisition.transfer.patience import Patience, read_retry_after
from vqathinker.acquisition.transfer.ranges import (
    announced_size,
    complete_length,
    continues,
    validator_of,
)
from vqathinker.acquisition.transfer.redirects import follow_redirects
from vqathinker.acquisition.transfer.secret import Secret
from vqathinker.acquisition.transfer.shield import shielded

__all__ = ["WebFile"]

_log = logging.getLogger(__name__)

_PASSING = {408, 425, 429, 500, 502, 503, 504}


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

    def fetch(
        self, part: PartialFile, patience: Patience, show: Callable[[int, int | None], None]
    ) -> None:
        """Bring `part` to its end, from where it is.

        Args:
            part: holds the whole file afterwards, not yet checked.
            patience: timeouts.
            show: told the bytes that are there and the bytes there will be, None when unknown.

        Raises:
            PassingError: may succeed when tried again; what came is kept.
            OriginError: this server does not give this file.
            DiskFullError: it does not fit.
        """
        token = self._token()
        if token is not None and not self.address.unheard:
            raise OriginError(f"{token.name} is not sent over http://, where anybody can read it")

        def explain(error: Exception) -> TransferError | None:
            return _explain(error, token)

        shielded(lambda: self._fetch(part, patience, show, token), explain)

    def __str__(self) -> str:
        return str(self.address)

    def _fetch(
        self,
        part: PartialFile,
        patience: Patience,
        show: Callable[[int, int | None], None],
        token: Secret | None,
    ) -> None:
        origin = self.address.fingerprint
        headers = {"Accept-Encoding": "identity", "User-Agent": "vqathinker"}
        may_continue, validator = part.validator_for(origin)
        if may_continue:
            headers["Range"] = f"bytes={part.size}-"
            if validator is not None:
                headers["If-Range"] = validator
        timeout = httpx2.Timeout(patience.read_timeout_s, connect=patience.connect_timeout_s)
        trust = _trust((os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")))
        with (
            httpx2.Client(verify=trust, timeout=timeout) as client,
            follow_redirects(client, self.address, headers, token) as response,
        ):
            _log.info("%s: %d, from byte %d", self, response.status_code, part.size)
            if response.status_code == 416 and part.size == complete_length(response):
                return
            self._refuse_errors(response, part)
            if not continues(response, part):
                part.start(origin, validator_of(response), announced_size(response, part))
            if part.total is not None:
                require_space(part.path, part.total - part.size)
            show(part.size, part.total)
            for chunk in _not_stalled(response, patience):
                part.append(chunk)
                show(part.size, part.total)

    def _refuse_errors(self, response: httpx2.Response, part: PartialFile) -> None:
        status, reason = response.status_code, f"{response.status_code} {response.reason_phrase}"
        if status == 416:
            part.discard()
            raise PassingError(f"{reason}: has another size than the bytes that are here")
        if status in _PASSING:
            asked = read_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
            raise PassingError(reason, asked)
        if status in (401, 403):
            raise OriginError(f"{reason}; {self._access()}")
        if status in (404, 410):
            raise GoneError(reason)
        if status not in (200, 206):
            raise OriginError(reason)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "text/html" and self.address.suffix not in (".html", ".htm"):
            raise OriginError(f"a web page came instead of the file; {self._access()}")
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if coding != "identity" and part.target.suffix.lower() not in (".gz", ".tgz"):
            raise OriginError(f"sends the file compressed ({coding}), although asked not to")

    def _token(self) -> Secret | None:
        return None if self.token_variable is None else Secret.from_environment(self.token_variable)

    def _access(self) -> str:
        page = "" if self.page is None else f", and see {self.page}"
        if self.token_variable is None:
            return f"it may ask for a login{page}"
        state = "is not set" if self._token() is None else "is set"
        return (
            f"${self.token_variable} {state}: it has to hold a token with access to this file{page}"
        )


@cache
def _trust(certificates: tuple[str | None, ...]) -> ssl.SSLContext:
    """Whom the environment trusts, kept while its variables stay: reading it takes 80 ms."""
    del certificates  # the client reads the same variables
    return httpx2.create_ssl_context()


def _not_stalled(response: httpx2.Response, patience: Patience) -> Iterator[bytes]:
    began, came = time.monotonic(), 0
    for chunk in response.iter_raw():
        yield chunk
        came += len(chunk)
        seconds = time.monotonic() - began
        if seconds >= patience.read_timeout_s:
            if came < patience.slowest_bytes_per_s * seconds:
                raise PassingError(f"stalled: {came:,} bytes in {seconds:.0f} s")
            began, came = time.monotonic(), 0


def _explain(error: Exception, token: Secret | None) -> TransferError | None:
    if isinstance(error, httpx2.ConnectTimeout):
        return PassingError("no connection in time")
    if isinstance(error, httpx2.TimeoutException):
        return PassingError("stalled: no byte in time")
    text = str(error) if token is None else token.hide(str(error))
    if isinstance(error, httpx2.ConnectError) and "CERTIFICATE_VERIFY_FAILED" in text:
        return OriginError(f"its TLS certificate is not valid, so it is not trusted: {text}")
    if isinstance(error, httpx2.NetworkError | httpx2.RemoteProtocolError | httpx2.ProxyError):
        return PassingError(f"connection lost: {text}")
    if isinstance(error, httpx2.HTTPError):
        return OriginError(f"cannot be asked: {type(error).__name__}")
    return None
