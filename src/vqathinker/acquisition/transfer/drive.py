"""A file on Google Drive, through gdown: its warning pages, quotas and resuming.

gdown keeps its own partial file beside ours (`X.part.drive????????.part`) and goes on from there.
It neither reads nor writes cookies here: no login of the user is used.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from glob import escape
from pathlib import Path

import gdown
import requests
from gdown.exceptions import DownloadError, FileURLRetrievalError

from vqathinker.acquisition.transfer.disk import disk_full, require_space
from vqathinker.acquisition.transfer.failure import OriginError, PassingError, TransferError
from vqathinker.acquisition.transfer.partial import PartialFile
from vqathinker.acquisition.transfer.patience import Patience
from vqathinker.acquisition.transfer.shield import shielded

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

    def fetch(
        self, part: PartialFile, patience: Patience, show: Callable[[int, int | None], None]
    ) -> None:
        """Bring `part` to its end; see `WebFile.fetch`."""
        whole = part.path.with_name(f"{part.path.name}.drive")
        arrived = 0

        def follow(done: int, total: int | None) -> None:
            nonlocal arrived
            arrived = done
            size = part.wanted.size
            if size is not None and (done > size or total not in (None, size)):
                raise OriginError(f"has {total or done:,} bytes, expected {size:,}")
            show(done, total)

        def explain(error: Exception) -> TransferError | None:
            left = None if part.wanted.size is None else part.wanted.size - arrived
            full = disk_full(error, whole, left) if isinstance(error, OSError) else None
            return full or _explain(error, arrived)

        begun = _begun(whole)
        if part.wanted.size is not None:
            require_space(part.path, part.wanted.size - begun)
        _log.info("%s: asking", self)
        shielded(lambda: self._download(whole, patience, follow), explain)
        part.start(str(self), None, None)
        part.adopt(whole)
        part.inherited = begun > 0

    def __str__(self) -> str:
        return f"https://drive.google.com/file/d/{self.id}/view"

    def _download(
        self, whole: Path, patience: Patience, follow: Callable[[int, int | None], None]
    ) -> None:
        gdown.download(
            id=self.id,
            output=str(whole),
            quiet=True,
            use_cookies=False,
            resume=True,
            timeout=(patience.connect_timeout_s, patience.read_timeout_s),
            progress=follow,
        )


def _begun(whole: Path) -> int:
    """Bytes that gdown has kept of an earlier try."""
    kept = whole.parent.glob(f"{escape(whole.name)}????????.part")
    return sum(file.stat().st_size for file in kept)


def _explain(error: Exception, arrived: int) -> TransferError | None:
    if isinstance(error, FileURLRetrievalError):
        # gdown looks at no status, so an overloaded server too ends here, without a reason.
        refused = _NO_REASON not in " ".join(str(error).split())
        return (OriginError if refused else PassingError)(
            "does not give it out: its quota for today is used up, or it is no longer shared. Try "
            "again in 24 hours, or open the page in a browser"
        )
    if isinstance(error, requests.HTTPError) and error.response is not None:
        status = error.response.status_code
        passing = status in (408, 429) or status >= 500
        return (PassingError if passing else OriginError)(f"answers {status}")
    if isinstance(error, requests.exceptions.SSLError):
        return OriginError("its TLS certificate is not valid, so it is not trusted")
    if isinstance(error, DownloadError | requests.RequestException):
        return PassingError(f"broke off after {arrived:,} bytes ({type(error).__name__})")
    if isinstance(error, LookupError | AssertionError | TypeError | ValueError):
        return OriginError(f"gives an answer that gdown cannot read ({type(error).__name__})")
    return None
