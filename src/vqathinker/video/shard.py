"""Decode a shard of videos into the clip store, in worker processes, and go on where it stopped.

Workers write finished clips to a file beside the shard, a journal says which rows of it are whole.
A shard that is killed finds both when it is started again; once all videos are through, they become
the shard in the order of the manifest, so that its bytes do not tell how often it was interrupted.
Nobody holds more than one clip in memory. While a shard is put together it is on disk twice.
"""

import os
import platform
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from vqathinker.errors import InputError
from vqathinker.params import ReaderName
from vqathinker.phases.results_version import RESULTS_VERSION
from vqathinker.video.damage import DamagedVideo, Failure
from vqathinker.video.disturbance import DisturbedJobError, size_and_time
from vqathinker.video.fork_server import preload_modules
from vqathinker.video.journal import Journal, JournalEntry
from vqathinker.video.limits import Limits
from vqathinker.video.sampling import ClipSetting, parse_setting
from vqathinker.video.shard_file import write_shard_file
from vqathinker.video.shard_lock import writing_alone
from vqathinker.video.shard_task import DecodedRow, decode_into_row
from vqathinker.video.workers import run_in_workers

__all__ = ["ReaderMissingError", "decode_shard", "shard_rows"]


class ReaderMissingError(ValueError):
    """The reader that params.yaml names is not on this machine."""


def shard_rows(manifest: pd.DataFrame, shard: int, shard_size: int) -> pd.DataFrame:
    """Rows of one shard: `shard_size` rows of the manifest in its order, the last may hold fewer.

    Raises InputError when the manifest has no such shard.
    """
    rows = manifest.iloc[shard * shard_size : (shard + 1) * shard_size]
    if shard < 0 or rows.empty:
        shards = -(-len(manifest) // shard_size)
        raise InputError(
            f"no shard {shard}: {len(manifest)} videos in shards of {shard_size} make {shards}; "
            "check shard_size and data.counts in params.yaml"
        )
    return rows


def decode_shard(
    rows: pd.DataFrame,
    source: Path,
    setting: str,
    out: Path,
    limits: Limits,
    reader: ReaderName = "pyav",
    workers: int = 1,
    provenance: Mapping[str, Any] | None = None,
) -> dict[str, Failure]:
    """Decode the videos of some manifest rows into one shard file.

    Rows whose status is not "ok" are passed over: the manifest already says why. A video that
    turns out to be damaged does not stop the shard.

    Args:
        rows: manifest rows, see `datasets.manifest`.
        source: folder that the column `file` starts from.
        setting: "TxS", for example 6x448.
        out: the shard file, written at the end. What is decoded until then lies beside it.
        limits: of one video.
        reader: pyav or decord, see `decode`.
        workers: videos that are decoded at a time, each by a process of one thread.
        provenance: added to the readers' versions that the shard records.

    Returns:
        Why each video that could not be decoded could not; the shard keeps it too.

    Raises:
        ReaderMissingError: decord is asked for and not installed.
        DisturbedJobError: videos are gone, the shard cannot be written, another process makes it,
            or see `run_in_workers`. There is no shard then; what was decoded is kept for the next
            try.
    """
    usable = rows[rows["status"] == "ok"]
    versions = _reader_versions(reader)
    job = _ShardJob(
        videos=usable["video"].tolist(),
        files=[str(source / file) for file in usable["file"]],
        expected_frames=[int(frames) for frames in usable["frames"]],
        setting=setting,
        reader=reader,
        provenance={"reader": reader, **versions, **(provenance or {})},
    )
    _require_files(job.files, source)
    counted = {key: value for key, value in asdict(job).items() if key != "provenance"}
    key = {"job": counted, "limits": asdict(limits), "results_version": RESULTS_VERSION["decode"]}
    rows_bytes = len(job.videos) * job.shape.clip_bytes
    with writing_alone(out, rows_bytes), Journal(out, key, rows_bytes) as journal:
        _decode_missing(job, journal, limits, workers, out)
        failures = _assemble_shard(job, journal, out)
        journal.remove()
    return failures


def _require_files(files: Sequence[str], source: Path) -> None:
    gone = [file for file in files if not os.path.lexists(file)]
    if gone:
        raise DisturbedJobError(
            f"{source} on {platform.node()}: {len(gone)} of {len(files)} videos of this shard are "
            f"gone since the manifest was made, the first is {gone[0]}; mount or bring back the "
            "folder, or make the manifest again, `vqathinker data manifest`"
        )


def _reader_versions(reader: ReaderName) -> dict[str, str]:
    names = ("av", "decord", "torch") if reader == "decord" else ("av", "torch")
    try:
        return {name: version(name) for name in names}
    except PackageNotFoundError:
        raise ReaderMissingError(
            "clips.reader is decord, which is not installed: it is built for Linux on x86-64 only; "
            "take pyav, which gives the same frames, or install decord"
        ) from None


@dataclass(frozen=True)
class _ShardJob:
    """What the bytes of a shard follow from."""

    videos: list[str]
    files: list[str]
    expected_frames: list[int]
    setting: str
    reader: ReaderName
    provenance: dict[str, Any]

    @property
    def shape(self) -> ClipSetting:
        return parse_setting(self.setting)


def _decode_missing(
    job: _ShardJob, journal: Journal, limits: Limits, workers: int, out: Path
) -> None:
    """Decode what the journal does not know, or knows of a file or row that changed since."""
    shape, files = job.shape, job.files
    with journal.rows_path.open("rb") as rows:
        journal.keep_only(
            lambda entry: _is_still_valid(entry, files[entry.row], rows, shape.clip_bytes)
        )
    missing = [row for row in range(len(files)) if row not in journal.entries]
    preload_modules("vqathinker.video.decode")
    tasks = [
        (files[row], shape, job.expected_frames[row], job.reader, journal.rows_path, row)
        for row in missing
    ]
    outcomes = run_in_workers(decode_into_row, tasks, limits, workers)
    console = Console(stderr=True)
    tracked = track(
        outcomes, f"decoding {out}", len(tasks), console=console, disable=not console.is_terminal
    )
    for task, outcome in tracked:
        row = missing[task]
        journal.add(_journal_entry(row, files[row], outcome))


def _journal_entry(row: int, file: str, outcome: DamagedVideo | DecodedRow) -> JournalEntry:
    size, time_ns = _file_size_and_time(file)
    if isinstance(outcome, DamagedVideo):
        return JournalEntry(row, size, time_ns, [], [], 0, outcome.failure)
    indices, seconds, checksum = outcome
    return JournalEntry(row, size, time_ns, indices, seconds, checksum, None)


def _file_size_and_time(file: str) -> tuple[int, int]:
    try:
        return size_and_time(Path(file))
    except OSError:
        return 0, 0


def _is_still_valid(entry: JournalEntry, file: str, rows: BinaryIO, clip_bytes: int) -> bool:
    if (entry.file_size, entry.file_time_ns) != _file_size_and_time(file):
        return False
    if entry.failure is not None:
        return True
    # The journal's line may have reached the disk and its row not, when the machine went down.
    rows.seek(entry.row * clip_bytes)
    return zlib.crc32(rows.read(clip_bytes)) == entry.checksum


def _assemble_shard(job: _ShardJob, journal: Journal, out: Path) -> dict[str, Failure]:
    entries = [journal.entries[row] for row in range(len(job.videos))]
    decoded = [entry for entry in entries if entry.failure is None]
    failures = {job.videos[e.row]: e.failure for e in entries if e.failure is not None}
    table, clip_bytes = (len(decoded), job.shape.frames), job.shape.clip_bytes

    def write_frames(file: BinaryIO) -> None:
        with journal.rows_path.open("rb") as rows:
            for entry in decoded:
                rows.seek(entry.row * clip_bytes)
                file.write(rows.read(clip_bytes))

    write_shard_file(
        out,
        [job.videos[entry.row] for entry in decoded],
        np.array([entry.seconds for entry in decoded], np.float64).reshape(table),
        np.array([entry.indices for entry in decoded], np.int32).reshape(table),
        write_frames,
        failures,
        job.setting,
        job.provenance,
    )
    return failures
