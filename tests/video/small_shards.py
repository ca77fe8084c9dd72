"""Shards of small videos, as the tests of shards make them."""

from pathlib import Path

import pandas as pd

from vqathinker.video.damage import Failure
from vqathinker.video.shard import decode_shard
from vqathinker.video.workers import Limits

__all__ = ["LIMITS", "SETTING", "decode", "rows_of"]

LIMITS = Limits(timeout_s=3600, memory_mb=1500)
SETTING = "6x32"


def rows_of(paths: list[Path], frames: int = 40) -> pd.DataFrame:
    """Manifest rows, as if the files had been whole videos when the manifest was made."""
    rows = [{"video": p.name, "file": str(p), "status": "ok", "frames": frames} for p in paths]
    return pd.DataFrame(rows)


def decode(
    rows: pd.DataFrame, out: Path, limits: Limits = LIMITS, workers: int = 1
) -> dict[str, Failure]:
    return decode_shard(rows, Path(), SETTING, out, limits, workers=workers)
