"""Decode the sampled frames of videos, and whole shards of them, into the clip store.

Two readers: decord (`get_batch`, the authors' decoder) comes first; PyAV, which reads from start to
end, takes over when decord fails or counts other frames than the container shows. Measured: decord
repeats frames in silence where a file is truncated or an edit list hides frames, knows no AV1, and
conceals some damaged pictures without a sign, which PyAV marks as corrupt. On 8-bit 4:2:0 the
readers agree bit for bit.

Departures from the authors' code:
1. Frames are resized by torch on uint8 (antialiased bicubic), not by PIL: at most 1 of 255 apart.
2. A video that cannot be decoded becomes a named failure; the authors skip it without a word.
"""

import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av
import av.error
import decord
import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import track

from vqathinker.video.probe import DamagedVideo, Probe
from vqathinker.video.sampling import ClipSetting, frame_indices, parse_setting
from vqathinker.video.store import write_shard

__all__ = ["decode_frames", "decode_shard", "read_decord", "read_pyav", "shard_rows"]

Pixels = npt.NDArray[np.uint8]

# A stream that ends this little early is sampled over the frames it has; beyond, it is damaged.
_MISSING_SHARE = 0.1

decord.logging.set_level(decord.logging.QUIET)


def decode_frames(
    path: Path, count: int, size: int, probe: Probe, timeout_s: float | None = None
) -> tuple[torch.Tensor, list[int]]:
    """Sample, decode and resize one video.

    Args:
        path: the video.
        count: T, frames wanted; a video of fewer frames repeats some.
        size: S, both sides in pixels; the aspect ratio is not kept.
        probe: facts of that file, from `video.probe`.
        timeout_s: seconds after which PyAV gives up. It looks between frames only, and decord
            cannot be interrupted.

    Returns:
        Frames (T,3,S,S) uint8, RGB 0..255, upright, and their T indices in the video.

    Raises:
        DamagedVideo: the frames cannot be decoded, are clearly fewer than promised, or take longer
            than `timeout_s`.
    """
    return _decode(path, ClipSetting(count, size), probe.frames, timeout_s)


def _decode(
    path: Path, setting: ClipSetting, promised: int, timeout_s: float | None
) -> tuple[torch.Tensor, list[int]]:
    indices = frame_indices(promised, setting.frames)
    try:
        pixels = read_decord(path, indices, promised)
    except (decord.DECORDError, RuntimeError):
        pixels, decoded = read_pyav(path, indices, timeout_s)
        if len(pixels) < len(indices):
            if decoded < (1 - _MISSING_SHARE) * promised:
                reason = f"cut short: {promised} frames are promised, {decoded} can be decoded"
                raise DamagedVideo(path, reason) from None
            indices = frame_indices(decoded, setting.frames)
            pixels, _ = read_pyav(path, indices, timeout_s)
    return _resize(pixels, setting.size), indices


def read_decord(path: Path, indices: Sequence[int], frames: int) -> Pixels:
    """Decode the frames at `indices` of a video of `frames` frames: (T,H,W,3) RGB, upright.

    Raises:
        decord.DECORDError, RuntimeError: decord cannot read the file, or counts other frames.
    """
    reader = decord.VideoReader(str(path), num_threads=1)
    if len(reader) != frames:
        raise RuntimeError(f"{path}: decord counts {len(reader)} frames, the container {frames}")
    pixels: Pixels = reader.get_batch(list(indices)).asnumpy()
    return pixels


def read_pyav(
    path: Path, indices: Sequence[int], timeout_s: float | None = None
) -> tuple[Pixels, int]:
    """Decode from the start to the last of `indices`: (T,H,W,3) RGB, upright, and frames decoded.

    A stream that ends early gives only the frames it has: fewer than `indices`, perhaps none.

    Raises:
        DamagedVideo: a frame is corrupt or cannot be decoded, or `timeout_s` seconds are over.
    """
    wanted, last = set(indices), max(indices)
    kept: dict[int, Pixels] = {}
    started, decoded = time.monotonic(), 0
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            width, height = stream.width, stream.height
            for decoded, frame in enumerate(container.decode(stream), start=1):
                if timeout_s is not None and time.monotonic() - started > timeout_s:
                    raise DamagedVideo(path, f"decoding took longer than {timeout_s:g} s")
                if frame.is_corrupt:
                    raise DamagedVideo(path, f"frame {decoded - 1} is corrupt")
                if decoded - 1 in wanted:
                    kept[decoded - 1] = _upright(frame, width, height)
                if decoded > last:
                    break
    except av.error.FFmpegError as error:
        reason = f"decoding stopped after {decoded} frames ({error.strerror})"
        raise DamagedVideo(path, reason) from error
    pixels = [kept[index] for index in indices if index in kept]
    return (np.stack(pixels) if pixels else np.empty((0, 0, 0, 3), np.uint8)), decoded


def _upright(frame: av.VideoFrame, width: int, height: int) -> Pixels:
    """Pixels of a frame, upright; `width` and `height` hold for a stream that changes its size."""
    pixels = frame.to_ndarray(format="rgb24", width=width, height=height)
    return np.rot90(pixels, round(frame.rotation / 90)).astype(np.uint8)


def _resize(pixels: Pixels, size: int) -> torch.Tensor:
    """(T,H,W,3) to (T,3,S,S), both uint8."""
    frames = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2)
    if frames.shape[-2:] == (size, size):
        return frames.contiguous()
    resized = F.interpolate(frames, size=(size, size), mode="bicubic", antialias=True)
    return resized.contiguous()


def shard_rows(manifest: pd.DataFrame, shard: int, shard_size: int) -> pd.DataFrame:
    """Rows of one shard: `shard_size` rows of the manifest in its order, the last may hold fewer.

    Raises ValueError when the manifest has no such shard.
    """
    rows = manifest.iloc[shard * shard_size : (shard + 1) * shard_size]
    if shard < 0 or rows.empty:
        shards = -(-len(manifest) // shard_size)
        raise ValueError(
            f"no shard {shard}: {len(manifest)} videos in shards of {shard_size} make {shards}; "
            "check shard_size and data.counts in params.yaml"
        )
    return rows


def decode_shard(
    rows: pd.DataFrame,
    source: Path,
    setting: str,
    out: Path,
    timeout_s: float | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Decode the videos of some manifest rows into one shard file.

    Rows whose status is not "ok" are passed over: the manifest already says why. A video that
    turns out to be damaged does not stop the shard.

    Args:
        rows: manifest rows, see `datasets.manifest`.
        source: folder that the column `file` starts from.
        setting: "TxS", for example 6x448.
        out: the shard file, written at the end.
        timeout_s: seconds a video may take, see `decode_frames`.
        provenance: added to the readers' versions that the shard records.

    Returns:
        Id and reason of each video that could not be decoded; the shard keeps them too.
    """
    shape = parse_setting(setting)
    usable = rows[rows["status"] == "ok"].to_dict("records")
    frames = torch.empty((len(usable), shape.frames, 3, shape.size, shape.size), dtype=torch.uint8)
    indices = torch.empty((len(usable), shape.frames), dtype=torch.int32)
    ids: list[str] = []
    failures: dict[str, str] = {}
    console = Console(stderr=True)
    quiet = not console.is_terminal
    for row in track(usable, f"decoding {out}", console=console, disable=quiet):
        path = source / row["file"]
        try:
            clip, at = _decode(path, shape, int(row["frames"]), timeout_s)
        except DamagedVideo as error:
            failures[row["video"]] = error.reason
            continue
        frames[len(ids)], indices[len(ids)] = clip, torch.tensor(at)
        ids.append(row["video"])
    made_by = {"decord": version("decord"), "av": version("av"), **(provenance or {})}
    write_shard(out, ids, frames[: len(ids)], indices[: len(ids)], failures, setting, made_by)
    return failures
