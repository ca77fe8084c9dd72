"""Files on Google Drive, downloaded by gdown, which handles warning pages and resuming.

gdown resumes from its own partial file (`X.part.drive????????.part`). It reads and writes no
cookies here, so no login of the user is used.
"""

import logging
from dataclasses import dataclass
from glob import escape

import gdown
import requests
from gdown.exceptions import DownloadError, FileURLRetrievalError

from vqathinker.acquisition.errors import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    OriginError,
    TransferError,
    TransientError,
)
from vqathinker.acquisition.partial import PartialFile, ReportProgress

_log = logging.getLogger(__name__)

_NO_REASON = "Cannot retrieve the public link of the file."


@dataclass(frozen=True)
class DriveFile:
    """A public file, by the id in https://drive.google.com/file/d/<id>/view."""

    id: str

    def fetch(self, part: PartialFile, report: ReportProgress) -> None:
        """Download the file; see `WebFile.fetch`."""
        output = part.path.with_name(f"{part.path.name}.drive")
        kept = any(output.parent.glob(f"{escape(output.name)}????????.part"))
        _log.info("%s: asking", self)
        try:
            gdown.download(
                id=self.id,
                output=str(output),
                quiet=True,
                use_cookies=False,
                resume=True,
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                progress=report,
            )
        except (DownloadError, requests.RequestException) as error:
            raise _to_transfer_error(error) from None
        except (LookupError, AssertionError, TypeError, ValueError) as error:
            raise OriginError(
                f"sends an answer that gdown cannot read ({type(error).__name__})"
            ) from None
        part.restart(str(self), None, None)
        output.replace(part.path)
        part.resumed = kept

    def __str__(self) -> str:
        return f"https://drive.google.com/file/d/{self.id}/view"


def _to_transfer_error(error: Exception) -> TransferError:
    if isinstance(error, FileURLRetrievalError):
        # gdown ignores the status, so an overloaded server also ends here, without a reason.
        refused = _NO_REASON not in " ".join(str(error).split())
        return (OriginError if refused else TransientError)(
            "refuses: the daily quota of the file is used up, or it is no longer shared. Try again "
            "in 24 hours, or open the page in a browser"
        )
    if isinstance(error, requests.exceptions.SSLError):
        return OriginError("its TLS certificate is not valid, so it is not trusted")
    response = error.response if isinstance(error, requests.HTTPError) else None
    status = 0 if response is None else response.status_code
    if 400 <= status < 500 and status not in (408, 429):
        return OriginError(f"answers {status}")
    return TransientError(f"broke off ({status or type(error).__name__})")
