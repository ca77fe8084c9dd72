"""Decode a shard of videos into the clip store, in worker processes, and resume it.

Two hidden files next to the shard hold what is done: `.NAME.rows` has the frames of video n at
n clips from its start, `.NAME.journal` an entry for each decoded video. Once all videos are done,
they become the shard, in the order of the manifest, so that its bytes do not depend on
interruptions. No process holds more than one clip in memory.
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
    DisturbedJobError,
    Failure,
    size_and_time,
    undisturbed,
)
from vqathinker.video.sampling import ClipSetting, parse_setting
from vqathinker.video.shard_file import write_shard_file
from vqathinker.video.workers import Limits, preload_modules, run_in_workers

if TYPE_CHECKING:  # workers import this module and do without
    import pandas as pd

    from vqathinker.params import ReaderName

DecodedRow = tuple[list[int], list[float], int]


def shard_rows(manifest: "pd.DataFrame", shard: int, shard_size: int) -> "pd.DataFrame":
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
    rows: "pd.DataFrame",
    source: Path,
    setting: str,
    out: Path,
    limits: Limits,
    reader: "ReaderName" = "pyav",
    workers: int = 1,
) -> dict[str, Failure]:
    """Decode the videos of some manifest rows into one shard file.

    Rows whose status is not "ok" are skipped: the manifest already says why. A video that turns out
    to be damaged does not stop the shard.

    Args:
        rows: manifest rows, see `datasets.manifest`.
        source: folder that the column `file` starts from.
        setting: "TxS", for example 6x448.
        out, limits: the shard file; limits of one video.
        reader: pyav or decord, see `decode`.
        workers: number of processes, of one thread each.

    Returns:
        Why videos could not be decoded; the shard records it, too.

    Raises:
        InputError: decord is requested and not installed.
        DisturbedJobError: videos are gone, the shard cannot be written, or as `run_in_workers`.
            What was decoded is kept for the next try.
        LockedError: another process makes this shard.
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
    if gone := [file for file in job.files if not os.path.lexists(file)]:
        raise DisturbedJobError(
            f"{source} on {platform.node()}: {len(gone)} of {len(job.files)} videos of this shard "
            f"are gone since the manifest was made, the first is {gone[0]}; mount or bring back "
            "the folder, or make the manifest again, `vqathinker data manifest`"
        )
    version = RESULTS_VERSION["decode"]
    key = {"job": asdict(job), "limits": asdict(limits), "results_version": version}
    rows_path = out.with_name(f".{out.name}.rows")
    try:
        with open_journal(out, key) as journal:
            if not journal.entries:
                rows_path.unlink(missing_ok=True)
            with rows_path.open("ab") as file:  # sparse at first
                file.truncate(len(job.videos) * job.shape.clip_bytes)
            done = _valid_entries(job, journal.entries, rows_path)
            missing = [row for row in range(len(job.files)) if row not in done]
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
                done[row] = _journal_entry(row, job.files[row], outcome)
                journal.add(done[row])
            entries = [done[row] for row in sorted(done)]
            failures = _assemble_shard(job, entries, rows_path, out, provenance)
            journal.remove()
            rows_path.unlink()
    except OSError as error:
        raise DisturbedJobError(
            f"{out}: cannot be written ({error.strerror or error}); until it is complete it takes "
            f"twice {len(job.videos) * job.shape.clip_bytes} bytes: check the disk, your quota or "
            "`ulimit -f`, and start again"
        ) from error
    return failures


@dataclass(frozen=True)
class _ShardJob:
    """What the clips of a shard depend on."""

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
            "clips.reader is decord, which is not installed: it is built for Linux on x86-64 only; "
            "take pyav, which gives the same frames, or install decord"
        ) from None


def decode_into_row(
    file: str,
    shape: ClipSetting,
    expected_frames: int,
    reader: "ReaderName",
    rows_path: Path,
    row: int,
) -> DecodedRow:
    """In a worker: decode the video `file` into clip `row` of the file of rows.

    Returns indices and seconds of the frames, and the CRC-32 of the clip.

    Raises:
        DamagedVideo: as `decode_clip`.
        DisturbedJobError: the file is gone, not readable, or not the one of the manifest.
        OSError: the clip cannot be written.
    """
    import torch  # noqa: PLC0415  the parent does without

    from vqathinker.video.decode import decode_clip  # noqa: PLC0415

    torch.set_num_threads(1)  # there are as many processes as may be busy
    path = Path(file)
    with undisturbed(path):
        clip = decode_clip(path, shape, expected_frames, reader)
    pixels = clip.frames.tobytes()
    with rows_path.open("r+b") as rows:
        rows.seek(row * shape.clip_bytes)
        rows.write(pixels)
    return clip.indices, clip.seconds, zlib.crc32(pixels)


def _journal_entry(row: int, file: str, outcome: DamagedVideo | DecodedRow) -> dict[str, Any]:
    """The entry of a video that is done: its clip, or why it has none."""
    entry = {"row": row, "file": _file_size_and_time(file)}
    if isinstance(outcome, DamagedVideo):
        return entry | {"failure": outcome.failure}
    indices, seconds, crc = outcome
    return entry | {"failure": None, "indices": indices, "seconds": seconds, "crc": crc}


def _file_size_and_time(file: str) -> list[int]:
    try:
        return list(size_and_time(Path(file)))
    except OSError:
        return [0, 0]


def _valid_entries(
    job: _ShardJob, entries: Sequence[dict[str, Any]], rows_path: Path
) -> dict[int, dict[str, Any]]:
    """Entries by row, without those of a video or of frames that have changed since."""
    valid = {}
    with rows_path.open("rb") as rows:
        for entry in entries:
            row = entry["row"]
            # An entry may have reached the disk and its frames not, when the machine went down.
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
    table = (len(decoded), job.shape.frames)
    with rows_path.open("rb") as rows:
        write_shard_file(
            out,
            [job.videos[entry["row"]] for entry in decoded],
            np.array([entry["seconds"] for entry in decoded], np.float64).reshape(table),
            np.array([entry["indices"] for entry in decoded], np.int32).reshape(table),
            (_read_clip(rows, entry["row"], job.shape) for entry in decoded),
            failures,
            job.setting,
            provenance,
        )
    return failures


def _read_clip(rows: BinaryIO, row: int, shape: ClipSetting) -> bytes:
    rows.seek(row * shape.clip_bytes)
    return rows.read(shape.clip_bytes)
