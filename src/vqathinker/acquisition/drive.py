"""Download files from Google Drive with gdown, which handles warning pages and resuming.

gdown resumes from its own partial file (`X.part.drive????????.part`). Cookies are off, so no login
of the user is involved.
"""

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

_NO_REASON = "Cannot retrieve the public link of the file."


@dataclass(frozen=True)
class DriveFile:
    """A public file; `id` is that in https://drive.google.com/file/d/<id>/view."""

    id: str

    def fetch(self, part: PartialFile, report: ReportProgress) -> None:
        """Download the file; see `WebFile.fetch`."""
        output = part.path.with_name(f"{part.path.name}.drive")
        is_resumed = any(output.parent.glob(f"{escape(output.name)}????????.part"))
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
                f"sent a response that gdown cannot parse ({type(error).__name__})"
            ) from None
        part.restart(str(self), None, None)
        output.replace(part.path)
        part.resumed = is_resumed

    def __str__(self) -> str:
        return f"https://drive.google.com/file/d/{self.id}/view"


def _to_transfer_error(error: Exception) -> TransferError:
    if isinstance(error, FileURLRetrievalError):
        # gdown ignores the status, so an overloaded server raises the same error, without a reason.
        refused = _NO_REASON not in " ".join(str(error).split())
        return (OriginError if refused else TransientError)(
            "refused: the daily quota of the file is used up, or the file is no longer shared. Try "
            "again in 24 hours, or open the page in a browser"
        )
    if isinstance(error, requests.exceptions.SSLError):
        return OriginError("its TLS certificate is not valid")
    response = error.response if isinstance(error, requests.HTTPError) else None
    status = 0 if response is None else response.status_code
    if 400 <= status < 500 and status not in (408, 429):
        return OriginError(f"responded with status {status}")
    return TransientError(f"connection failed ({status or type(error).__name__})")
