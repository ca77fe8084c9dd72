"""One file from a web server: Range, redirects, tokens, and servers that stall (RFC 9110).

TLS is always verified: an expired certificate (KoNViD's was seen so) is a reason to use a mirror,
not to look away.
"""

import logging
import os
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import httpx2

from vqathinker.acquisition.transfer.address import Address
from vqathinker.acquisition.transfer.context import DownloadContext
from vqathinker.acquisition.transfer.disk import require_space
from vqathinker.acquisition.transfer.errors import (
    GoneError,
    OriginError,
    TransferError,
    TransientError,
)
from vqathinker.acquisition.transfer.partial import PartialFile
from vqathinker.acquisition.transfer.progress import ReportProgress
from vqathinker.acquisition.transfer.ranges import (
    accept_continuation,
    announced_size,
    complete_length,
    validator_of,
)
from vqathinker.acquisition.transfer.redaction import redacted_call
from vqathinker.acquisition.transfer.redirects import follow_redirects
from vqathinker.acquisition.transfer.retry import RetryPolicy, parse_retry_after
from vqathinker.acquisition.transfer.secret import Secret

__all__ = ["WebFile"]

_log = logging.getLogger(__name__)

_TRANSIENT_STATUSES = {408, 425, 429, 500, 502, 503, 504}


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

    def fetch(self, part: PartialFile, context: DownloadContext, report: ReportProgress) -> None:
        """Bring `part` to its end, from where it is.

        Args:
            part: holds the whole file afterwards, not yet checked.
            context: timeouts, and the clock that they are measured by.
            report: told the bytes that are there and the bytes there will be, None when unknown.

        Raises:
            TransientError: may succeed when tried again; what came is kept.
            OriginError: this server does not give this file.
            DiskFullError: it does not fit.
        """
        token = self._token()
        if token is not None and not self.address.is_confidential:
            raise OriginError(f"{token.name} is not sent over http://, where anybody can read it")

        def translate(error: Exception) -> TransferError | None:
            return _translate_error(error, token)

        redacted_call(lambda: self._fetch(part, context, report, token), translate)

    def __str__(self) -> str:
        return str(self.address)

    def _fetch(
        self,
        part: PartialFile,
        context: DownloadContext,
        report: ReportProgress,
        token: Secret | None,
    ) -> None:
        origin, policy = self.address.fingerprint, context.policy
        # As it is: what is compressed on the way has other bytes, and no range can continue it.
        headers = {"Accept-Encoding": "identity", "User-Agent": "vqathinker"}
        may_continue, validator = part.resume_condition(origin)
        if may_continue:
            headers["Range"] = f"bytes={part.size}-"
            if validator is not None:
                headers["If-Range"] = validator
        timeout = httpx2.Timeout(policy.read_timeout_s, connect=policy.connect_timeout_s)
        trusted = _ssl_context((os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")))
        with (
            httpx2.Client(verify=trusted, timeout=timeout) as client,
            follow_redirects(client, self.address, headers, token) as response,
        ):
            _log.info("%s: %d, from byte %d", self, response.status_code, part.size)
            if response.status_code == 416 and part.size == complete_length(response):
                return
            self._raise_for_answer(response, part, context)
            if not accept_continuation(response, part):
                part.restart(origin, validator_of(response), announced_size(response, part))
            if part.total is not None:
                require_space(part.path, part.total - part.size)
            report(part.size, part.total)
            chunks = _chunks_unless_stalled(response.iter_raw(), policy, context.clock.monotonic)
            for chunk in chunks:
                part.append(chunk)
                report(part.size, part.total)

    def _raise_for_answer(
        self, response: httpx2.Response, part: PartialFile, context: DownloadContext
    ) -> None:
        """Refuse every answer that is not the file as it is."""
        status, reason = response.status_code, f"{response.status_code} {response.reason_phrase}"
        if status == 416:
            part.discard()
            raise TransientError(f"{reason}: has another size than the bytes that are here")
        if status in _TRANSIENT_STATUSES:
            retry_after = response.headers.get("Retry-After")
            raise TransientError(reason, parse_retry_after(retry_after, context.clock.now()))
        if status in (401, 403):
            raise OriginError(f"{reason}; {self._access_hint()}")
        if status in (404, 410):
            raise GoneError(reason)
        if status not in (200, 206):
            raise OriginError(reason)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "text/html" and self.address.suffix not in (".html", ".htm"):
            raise OriginError(f"a web page came instead of the file; {self._access_hint()}")
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        # Some servers call a file compressed that is an archive, which is sent as it is.
        if coding != "identity" and part.target.suffix.lower() not in (".gz", ".tgz"):
            raise OriginError(f"sends the file compressed ({coding}), although asked not to")

    def _token(self) -> Secret | None:
        return None if self.token_variable is None else Secret.from_environment(self.token_variable)

    def _access_hint(self) -> str:
        page = "" if self.page is None else f", and see {self.page}"
        if self.token_variable is None:
            return f"it may ask for a login{page}"
        state = "is not set" if self._token() is None else "is set"
        return (
            f"${self.token_variable} {state}: it has to hold a token with access to this file{page}"
        )


@cache
def _ssl_context(certificates: tuple[str | None, ...]) -> ssl.SSLContext:
    """Whom the environment trusts, kept while its variables stay: reading it takes 80 ms."""
    del certificates  # the client reads the same variables
    return httpx2.create_ssl_context()


def _chunks_unless_stalled(
    chunks: Iterable[bytes], policy: RetryPolicy, monotonic: Callable[[], float]
) -> Iterator[bytes]:
    """The chunks, until they come too slowly; a read timeout only sees where nothing comes."""
    began, received = monotonic(), 0
    for chunk in chunks:
        yield chunk
        received += len(chunk)
        seconds = monotonic() - began
        if seconds >= policy.read_timeout_s:
            if received < policy.slowest_bytes_per_s * seconds:
                raise TransientError(f"stalled: {received:,} bytes in {seconds:.0f} s")
            began, received = monotonic(), 0


def _translate_error(error: Exception, token: Secret | None) -> TransferError | None:
    if isinstance(error, httpx2.ConnectTimeout):
        return TransientError("no connection in time")
    if isinstance(error, httpx2.TimeoutException):
        return TransientError("stalled: no byte in time")
    text = str(error) if token is None else token.redact(str(error))
    if isinstance(error, httpx2.ConnectError) and "CERTIFICATE_VERIFY_FAILED" in text:
        return OriginError(f"its TLS certificate is not valid, so it is not trusted: {text}")
    if isinstance(error, httpx2.NetworkError | httpx2.RemoteProtocolError | httpx2.ProxyError):
        return TransientError(f"connection lost: {text}")
    if isinstance(error, httpx2.HTTPError):
        return OriginError(f"cannot be asked: {type(error).__name__}")
    return None
