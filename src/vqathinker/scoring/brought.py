"""A clip of the web as a file here, for as long as it is looked at."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from vqathinker.acquisition.download import DownloadContext, download
from vqathinker.acquisition.errors import OriginError
from vqathinker.acquisition.partial import ExpectedFile
from vqathinker.acquisition.retry import RetryPolicy
from vqathinker.acquisition.web import Address, WebFile
from vqathinker.scoring.clips import is_address

__all__ = ["at_hand"]

# Shorter waits than for data sets: somebody sits before the screen.
_POLICY: Final = RetryPolicy(attempts=3, longest_retry_after_s=30.0)


@contextmanager
def at_hand(clip: str) -> Iterator[Path]:
    """The path of a clip; one of the web is brought, and goes away again.

    Raises:
        TransferError: it cannot be had, or the address holds a password.
    """
    if not is_address(clip):
        yield Path(clip)
        return
    try:
        address = Address(clip)
    except ValueError as error:
        raise OriginError(str(error)) from None
    with TemporaryDirectory(prefix=f"vqathinker-{os.getpid()}-") as folder:
        name = f"clip{address.suffix}"
        expected = ExpectedFile(name, is_binary=True)
        context = DownloadContext(_POLICY)
        yield download(expected, [WebFile(address)], Path(folder, name), context).path
