"""A file on Google Drive, through gdown: its warning pages, quotas and resuming.

gdown keeps its own partial file beside ours (`X.part.drive????????.part`) and goes on from there.
It neither reads nor writes cookies here: no login of the user is used.
"""

import logging
from dataclasses import dataclass
from glob import escape
from pathlib import Path

import gdown
import requests
from gdown.exceptions import DownloadError, FileURLRetrievalError

from vqathinker.acquisition.transfer.context import DownloadContext
from vqathinker.acquisition.transfer.disk import disk_full_error, require_space
from vqathinker.acquisition.transfer.errors import OriginError, TransferError, TransientError
from vqathinker.acquisition.transfer.partial import PartialFile
from vqathinker.acquisition.transfer.progress import ReportProgress
from vqathinker.acquisition.transfer.redaction import redacted_call
from vqathinker.acquisition.transfer.retry import RetryPolicy

__all__ = ["DriveFile"]

_log = logging.getLogger(__name__)

_NO_REASON = "Cannot retrieve the public link of the file."


@dataclass(frozen=True)
class DriveFile:
    """A file that anyone with the link may read.

    Args:
        id: as in https://drive.google.com/file/d/<id>/view.
    """

    id: str

    def fetch(self, part: PartialFile, context: DownloadContext, report: ReportProgress) -> None:
        """Bring `part` to its end; see `WebFile.fetch`."""
        output, size = part.path.with_name(f"{part.path.name}.drive"), part.expected.size
        received = 0

        def report_or_refuse(done: int, total: int | None) -> None:
            nonlocal received
            received = done
            if size is not None and (done > size or total not in (None, size)):
                raise OriginError(f"has {total or done:,} bytes, expected {size:,}")
            report(done, total)

        def translate(error: Exception) -> TransferError | None:
            left = None if size is None else size - received
            full = disk_full_error(error, output, left) if isinstance(error, OSError) else None
            return full or _translate_error(error, received)

        kept = _bytes_kept_by_gdown(output)
        if size is not None:
            require_space(part.path, size - kept)
        _log.info("%s: asking", self)
        redacted_call(lambda: self._download(output, context.policy, report_or_refuse), translate)
        part.restart(str(self), None, None)
        part.replace_with(output)
        part.resumed = kept > 0

    def __str__(self) -> str:
        return f"https://drive.google.com/file/d/{self.id}/view"

    def _download(self, output: Path, policy: RetryPolicy, report: ReportProgress) -> None:
        gdown.download(
            id=self.id,
            output=str(output),
            quiet=True,
            use_cookies=False,
            resume=True,
            timeout=(policy.connect_timeout_s, policy.read_timeout_s),
            progress=report,
        )


def _bytes_kept_by_gdown(output: Path) -> int:
    """Bytes that gdown has of an earlier try."""
    kept = output.parent.glob(f"{escape(output.name)}????????.part")
    return sum(file.stat().st_size for file in kept)


def _translate_error(error: Exception, received: int) -> TransferError | None:
    if isinstance(error, FileURLRetrievalError):
        # gdown looks at no status, so an overloaded server too ends here, without a reason.
        refused = _NO_REASON not in " ".join(str(error).split())
        return (OriginError if refused else TransientError)(
            "does not give it out: its quota for today is used up, or it is no longer shared. Try "
            "again in 24 hours, or open the page in a browser"
        )
    if isinstance(error, requests.HTTPError) and error.response is not None:
        status = error.response.status_code
        transient = status in (408, 429) or status >= 500
        return (TransientError if transient else OriginError)(f"answers {status}")
    if isinstance(error, requests.exceptions.SSLError):
        return OriginError("its TLS certificate is not valid, so it is not trusted")
    if isinstance(error, DownloadError | requests.RequestException):
        return TransientError(f"broke off after {received:,} bytes ({type(error).__name__})")
    if isinstance(error, LookupError | AssertionError | TypeError | ValueError):
        return OriginError(f"gives an answer that gdown cannot read ({type(error).__name__})")
    return None
