"""What the downloads of a run share: policy of tries, table of hashes, mirror folder, clock.

Time and chance are passed in, so that nothing here hangs on how fast a machine is.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from vqathinker.acquisition.transfer.hash_table import HashTable
from vqathinker.acquisition.transfer.retry import RetryPolicy

__all__ = ["Clock", "DownloadContext"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clock:
    """The time, and waiting for it to pass.

    Args:
        sleep: waits so many seconds.
        monotonic: seconds since some moment, for durations.
        now: date and time, with a time zone.
    """

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = _utc_now


@dataclass(frozen=True)
class DownloadContext:
    """What every download of a run shares.

    Args:
        policy: timeouts and tries.
        rng: draws the waits between tries.
        hash_table: hashes of files without a published one; None records nothing.
        mirror: folder that is tried first; None without one.
        clock: tells the time, and waits.
    """

    policy: RetryPolicy
    rng: np.random.Generator
    hash_table: HashTable | None = None
    mirror: Path | None = None
    clock: Clock = Clock()
