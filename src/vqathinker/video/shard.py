"""Decode a shard of videos into the clip store, in worker processes; resume after interruptions.

Two hidden files next to the shard hold the progress: `.NAME.rows` has the frames of video n at an
offset of n clips, and `.NAME.journal` one entry per decoded video. When all videos are done, the
shard is assembled in the order of the manifest, so that its bytes do not depend on interruptions.
No process holds more than one clip in memory.
"""

import os
import platform
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from rich.console import Console
from rich.progress import track

from vqathinker.errors import InputError
from vqathinker.journal import open_journal
from vqathinker.phases.results_version import RESULTS_VERSION
from vqathinker.video.damage import (
    DamagedVideo,
    Failure,
    JobError,
    require_stable_file,
    size_and_time,
)
from vqathinker.video.sampling import ClipSetting, parse_setting
from vqathinker.video.shard_file import write_shard_file
from vqathinker.video.workers import Limits, preload_modules, run_in_workers

if TYPE_CHECKING:  # workers import this module and do not need these
    import pandas as pd

    from vqathinker.params import ReaderName

DecodedRow = tuple[list[int], list[float], list[list[float]] | None, int]


def shard_rows(manifest: "pd.DataFrame", shard: int, shard_size: int) -> "pd.DataFrame":
    """Return the manifest rows of one shard: `shard_size` consecutive rows, fewer in the last.

    Raises InputError if the manifest has no such shard.
    """
    rows = manifest.iloc[shard * shard_size : (shard + 1) * shard_size]
    if shard < 0 or rows.empty:
        shards = -(-len(manifest) // shard_size)
        raise InputError(
            f"no shard {shard}: {len(manifest)} videos give {shards} shards of {shard_size}; check "
            "shard_size and data.counts in params.yaml"
        )
    return rows


def decode_shard(
    rows: "pd.DataFrame",
    source: Path,
    setting: str,
    out: Path,
    limits: Limits,
    reader: "ReaderName" = "pyav",
    workers: int = 1,
) -> dict[str, Failure]:
    """Decode the videos of some manifest rows into one shard file.

    Rows whose status is not "ok" are skipped, because the manifest already states the reason. A
    video that turns out to be damaged does not stop the job.

    Args:
        rows: manifest rows, see `datasets.manifest`.
        source: folder that the paths in column `file` are relative to.
        setting: see `sampling.parse_setting`.
        out: the shard file.
        limits: for each video.
        reader: pyav or decord, see `decode`.
        workers: number of single-threaded processes.

    Returns:
        Failures by video id; the shard records them, too.

    Raises:
        InputError: decord is requested but not installed.
        JobError: videos have disappeared, the shard cannot be written, or see `run_in_workers`.
            Decoded videos are kept for the next call.
        LockedError: another process decodes this shard.
    """
    usable = rows[rows["status"] == "ok"]
    job = _ShardJob(
        videos=usable["video"].tolist(),
        files=[str(source / file) for file in usable["file"]],
        expected_frames=[int(frames) for frames in usable["frames"]],
        setting=setting,
        reader=reader,
    )
    provenance = {"reader": reader, **_reader_versions(reader)}
    if missing_files := [file for file in job.files if not os.path.lexists(file)]:
        raise JobError(
            f"{source} on {platform.node()}: {len(missing_files)} of {len(job.files)} videos of "
            "this shard have disappeared since the manifest was created, the first is "
            f"{missing_files[0]}; mount or restore the folder, or recreate the manifest "
            "(`vqathinker data manifest`)"
        )
    version = RESULTS_VERSION["decode"]
    key = {"job": asdict(job), "limits": asdict(limits), "results_version": version}
    rows_path = out.with_name(f".{out.name}.rows")
    try:
        with open_journal(out, key) as journal:
            if not journal.entries:
                rows_path.unlink(missing_ok=True)
            with rows_path.open("ab") as file:  # a sparse file
                file.truncate(len(job.videos) * job.shape.clip_bytes)
            finished = _valid_entries(job, journal.entries, rows_path)
            missing = [row for row in range(len(job.files)) if row not in finished]
            tasks = [
                (job.files[row], job.shape, job.expected_frames[row], reader, rows_path, row)
                for row in missing
            ]
            preload_modules("vqathinker.video.decode", "vqathinker.video.shard")
            outcomes = run_in_workers(decode_into_row, tasks, limits, workers)
            for task, outcome in track(
                outcomes, f"decoding {out}", len(tasks), console=Console(stderr=True),
                disable=not sys.stderr.isatty(),
            ):  # fmt: skip
                row = missing[task]
                finished[row] = _journal_entry(row, job.files[row], outcome)
                journal.add(finished[row])
            entries = [finished[row] for row in sorted(finished)]
            failures = _assemble_shard(job, entries, rows_path, out, provenance)
            journal.remove()
            rows_path.unlink()
    except OSError as error:
        raise JobError(
            f"{out}: cannot be written ({error.strerror or error}); decoding temporarily needs "
            f"2 × {len(job.videos) * job.shape.clip_bytes} bytes: check the disk, your quota or "
            "`ulimit -f`, then rerun"
        ) from error
    return failures


@dataclass(frozen=True)
class _ShardJob:
    """Inputs that determine the clips of a shard."""

    videos: list[str]
    files: list[str]
    expected_frames: list[int]
    setting: str
    reader: "ReaderName"

    @property
    def shape(self) -> ClipSetting:
        return parse_setting(self.setting)


def _reader_versions(reader: "ReaderName") -> dict[str, str]:
    names = ("av", "decord", "torch") if reader == "decord" else ("av", "torch")
    try:
        return {name: metadata.version(name) for name in names}
    except metadata.PackageNotFoundError:
        raise InputError(
            "params.yaml: clips.reader is decord, which is not installed (it exists for Linux on "
            "x86-64 only); use pyav, which gives the same frames, or install decord"
        ) from None


def decode_into_row(
    file: str,
    shape: ClipSetting,
    expected_frames: int,
    reader: "ReaderName",
    rows_path: Path,
    row: int,
) -> DecodedRow:
    """Decode the video `file` into clip `row` of the rows file; runs in a worker.

    Returns indices, seconds and statistics of the frames, and the CRC-32 of the clip.

    Raises:
        DamagedVideo: see `decode_clip`.
        JobError: the file has disappeared, is unreadable, or differs from that of the manifest.
        OSError: the clip cannot be written.
    """
    import torch  # noqa: PLC0415  the parent process does not need it

    from vqathinker.video.decode import decode_clip  # noqa: PLC0415

    torch.set_num_threads(1)  # parallelism comes from the number of processes
    path = Path(file)
    with require_stable_file(path):
        clip = decode_clip(path, shape, expected_frames, reader)
    pixels = clip.frames.tobytes()
    with rows_path.open("r+b") as rows:
        rows.seek(row * shape.clip_bytes)
        rows.write(pixels)
    statistics = None if clip.statistics is None else clip.statistics.tolist()
    return clip.indices, clip.seconds, statistics, zlib.crc32(pixels)


def _journal_entry(row: int, file: str, outcome: DamagedVideo | DecodedRow) -> dict[str, Any]:
    """Journal entry of a finished video: facts of its clip, or its failure."""
    entry = {"row": row, "file": _file_size_and_time(file)}
    if isinstance(outcome, DamagedVideo):
        return entry | {"failure": outcome.failure}
    facts = dict(zip(("indices", "seconds", "statistics", "crc"), outcome, strict=True))
    return entry | {"failure": None} | facts


def _file_size_and_time(file: str) -> list[int]:
    try:
        return list(size_and_time(Path(file)))
    except OSError:
        return [0, 0]


def _valid_entries(
    job: _ShardJob, entries: Sequence[dict[str, Any]], rows_path: Path
) -> dict[int, dict[str, Any]]:
    """Entries by row, without those whose video or frames have changed since."""
    valid = {}
    with rows_path.open("rb") as rows:
        for entry in entries:
            row = entry["row"]
            # If the machine crashed, the entry may have reached the disk but not its frames.
            if entry["file"] == _file_size_and_time(job.files[row]) and (
                entry["failure"] or zlib.crc32(_read_clip(rows, row, job.shape)) == entry["crc"]
            ):
                valid[row] = entry
    return valid


def _assemble_shard(
    job: _ShardJob,
    entries: Sequence[dict[str, Any]],
    rows_path: Path,
    out: Path,
    provenance: Mapping[str, Any],
) -> dict[str, Failure]:
    decoded = [entry for entry in entries if not entry["failure"]]
    failures = {job.videos[e["row"]]: Failure(*e["failure"]) for e in entries if e["failure"]}
    size = (len(decoded), job.shape.frames)
    tables: dict[str, np.ndarray] = {
        name: np.array([entry[name] for entry in decoded]).reshape(size)
        for name in ("seconds", "indices")
    }
    if job.shape.tiles:
        numbers = [entry["statistics"] for entry in decoded]
        tables["statistics"] = np.array(numbers).reshape(*size, -1 if decoded else 0)
    with rows_path.open("rb") as rows:
        write_shard_file(
            out,
            [job.videos[entry["row"]] for entry in decoded],
            tables,
            (_read_clip(rows, entry["row"], job.shape) for entry in decoded),
            failures,
            job.setting,
            provenance,
        )
    return failures


def _read_clip(rows: BinaryIO, row: int, shape: ClipSetting) -> bytes:
    rows.seek(row * shape.clip_bytes)
    return rows.read(shape.clip_bytes)
