"""Decode a shard as `vqathinker decode` does, and print the seconds.

`decode.py` runs it in a separate process, to measure memory and to compare two checkouts.
"""

import argparse
import sys
import time
from pathlib import Path

import pandas as pd

from vqathinker.video.shard import decode_shard
from vqathinker.video.workers import Limits

LIMITS = Limits(timeout_s=300, memory_mb=2000)


def main() -> None:
    """Decode `--times` times and time the last one, so that imports do not count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=Path, help="parquet with a manifest's rows")
    parser.add_argument("out", type=Path, help="the shard to write")
    parser.add_argument("--setting", default="6x448")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--times", type=int, default=1)
    arguments = parser.parse_args()
    rows, seconds = pd.read_parquet(arguments.rows), 0.0
    for _ in range(arguments.times):
        start = time.perf_counter()
        decode_to_shard(rows, arguments.out, arguments.setting, arguments.workers)
        seconds = time.perf_counter() - start
    print(seconds)  # noqa: T201


def decode_to_shard(rows: pd.DataFrame, out: Path, setting: str, workers: int) -> None:
    """Decode as `vqathinker decode` does.

    Raises:
        RuntimeError: a video could not be decoded.
    """
    failures = decode_shard(rows, Path(), setting, out, LIMITS, workers=workers)
    if failures:
        raise RuntimeError(f"could not be decoded: {failures}")


def stage_command(rows: Path, out: Path, setting: str, workers: int, times: int) -> list[str]:
    """The command that runs this script."""
    options = {"setting": setting, "workers": workers, "times": times}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, __file__, str(rows), str(out), *words]


def resident_mib(pid: int) -> float:
    """Memory of a process and its descendants in MiB; shared pages count once."""
    total = 0.0
    for folder in [Path(f"/proc/{pid}"), *Path(f"/proc/{pid}/task").glob("*/children")]:
        try:
            if folder.name == "children":
                total += sum(resident_mib(int(child)) for child in folder.read_text().split())
            else:
                text = (folder / "smaps_rollup").read_text()
                total += int(text.split("Pss:")[1].split()[0]) / 1024
        except (OSError, IndexError):
            continue  # the process has just ended
    return total


if __name__ == "__main__":
    main()
