"""A clip of the web as a file here, for as long as it is looked at."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from vqathinker.acquisition.transfer.address import Address
from vqathinker.acquisition.transfer.context import DownloadContext
from vqathinker.acquisition.transfer.download import download
from vqathinker.acquisition.transfer.errors import OriginError
from vqathinker.acquisition.transfer.expected_file import ExpectedFile
from vqathinker.acquisition.transfer.retry import RetryPolicy
from vqathinker.acquisition.transfer.web import WebFile
from vqathinker.scoring.clips import is_address

__all__ = ["at_hand"]

# Shorter waits than `download` of params.yaml: somebody sits before the screen.
_POLICY: Final = RetryPolicy(
    attempts=3, first_wait_s=1.0, longest_wait_s=10.0, longest_retry_after_s=30.0,
    connect_timeout_s=20.0, read_timeout_s=60.0, slowest_bytes_per_s=1000.0,
)  # fmt: skip


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
        # Without a seed: no result depends on how long a try is waited for.
        context = DownloadContext(_POLICY, np.random.default_rng())
        expected = ExpectedFile(name, is_binary=True)
        yield download(expected, [WebFile(address)], Path(folder, name), context).path
