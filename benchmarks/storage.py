"""Size and reading time of lossless formats for clips, on one core.

The clip store keeps raw frames. The alternatives need no further dependency: differences of rows,
compressed with zstd or lz4 (pyarrow); PNG (Pillow); and the lossless video codecs FFV1 and Ut Video
(PyAV). Clips are moving photographs with film grain. Every format must return the same bytes.
"""

import argparse
import io
import json
import platform
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from PIL import Image
from skimage import data

from vqathinker.video.store import ClipStore, write_shard
from vqathinker.video.views import resize

Clip = npt.NDArray[np.uint8]
TARGET_S, TARGET_SHARE = 0.015, 0.5


def main() -> None:
    """Measure all formats and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument(
        "--repeats", type=int, default=7, help="number of measurements; the fastest counts"
    )
    parser.add_argument("--quick", action="store_true", help="small clips, as a test")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    frames, size = (3, 56) if arguments.quick else (12, 560)
    clips = [photograph(name, frames, size) for name in ("astronaut", "chelsea", "coffee")]
    with tempfile.TemporaryDirectory() as folder:
        formats = {"raw": stored_formats(Path(folder), clips)}
        for name, (write, read) in FORMATS.items():
            formats[name] = [
                (len(encoded := write(clip)), lambda s=encoded, r=read: r(s)) for clip in clips
            ]
        rows = {name: measure(form, clips, arguments.repeats) for name, form in formats.items()}
    report = {
        "what": f"reading one clip {frames}x{size} from each lossless format, one core",
        "targets": {"seconds": TARGET_S, "share_of_raw_bytes": TARGET_SHARE},
        "seconds": {name: row[0] for name, row in rows.items()},
        "ratios": {name: row[1] for name, row in rows.items()},
        "counts": {"clips": len(clips), "raw_bytes": clips[0].nbytes},
        "machine": {"processor": platform.machine(), "system": platform.system()},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("av", "numpy", "pillow", "pyarrow", "safetensors")},
        },
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def photograph(name: str, frames: int, size: int) -> Clip:
    """A window that moves over a photograph, with grain of one or two levels (T, 3, S, S)."""
    picture = getattr(data, name)()
    height, width = (side - frames for side in picture.shape[:2])
    windows = [picture[t : t + height, t : t + width] for t in range(frames)]
    grain = np.random.default_rng(0).normal(0, 1.5, (frames, 3, size, size))
    moving = np.stack([resize(window, size) for window in windows])
    return np.clip(np.round(moving + grain), 0, 255).astype(np.uint8)


def measure(
    form: list[tuple[int, Callable[[], Clip]]], clips: list[Clip], repeats: int
) -> tuple[float, float]:
    """Shortest seconds per clip, averaged over clips, and size relative to raw frames."""
    seconds = []
    for (_, read), clip in zip(form, clips, strict=True):
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            found = read()
            times.append(time.perf_counter() - start)
        np.testing.assert_array_equal(found, clip)
        seconds.append(min(times))
    share = sum(size for size, _ in form) / sum(clip.nbytes for clip in clips)
    return sum(seconds) / len(seconds), share


def stored_formats(folder: Path, clips: list[Clip]) -> list[tuple[int, Callable[[], Clip]]]:
    """The clips in the clip store."""
    path, (frames, _, size, _) = folder / "0000.safetensors", clips[0].shape
    ids = [str(number) for number in range(len(clips))]
    indices = torch.zeros((len(clips), frames), dtype=torch.int32)
    stacked = torch.from_numpy(np.stack(clips))
    write_shard(path, ids, stacked, indices, {}, f"{frames}x{size}", {})
    store = ClipStore([path])
    return [(clips[0].nbytes, lambda v=video: store.frames(v).numpy()) for video in ids]


def write_differences(codec: str) -> Callable[[Clip], bytes]:
    """Compressed differences of each row and the row above, after the shape."""

    def write(clip: Clip) -> bytes:
        differences = np.diff(clip, axis=2, prepend=np.uint8(0))
        shape = np.array(clip.shape, np.int32).tobytes()
        return shape + pa.Codec(codec).compress(differences.tobytes(), asbytes=True)

    return write


def read_differences(codec: str) -> Callable[[bytes], Clip]:
    """Inverse of `write_differences`."""

    def read(encoded: bytes) -> Clip:
        shape = np.frombuffer(encoded[:16], np.int32)
        plain = pa.Codec(codec).decompress(encoded[16:], int(np.prod(shape)))
        differences = np.frombuffer(plain, np.uint8).reshape(shape)
        return np.add.accumulate(differences, axis=2, dtype=np.uint8)

    return read


def write_png(clip: Clip) -> bytes:
    """All frames as one tall image."""
    file = io.BytesIO()
    tall = clip.transpose(0, 2, 3, 1).reshape(-1, clip.shape[-1], 3)
    Image.fromarray(tall).save(file, "png", compress_level=1)
    return file.getvalue()


def read_png(encoded: bytes) -> Clip:
    """Inverse of `write_png`."""
    tall = np.asarray(Image.open(io.BytesIO(encoded)))
    side = tall.shape[1]
    return np.ascontiguousarray(tall.reshape(-1, side, side, 3).transpose(0, 3, 1, 2))


def write_video(codec: str, layout: str) -> Callable[[Clip], bytes]:
    """Frames in a lossless video codec with an RGB pixel format."""

    def write(clip: Clip) -> bytes:
        file = io.BytesIO()
        with av.open(file, "w", format="nut") as container:
            stream = container.add_stream(codec, rate=1)
            stream.width, stream.height, stream.pix_fmt = clip.shape[3], clip.shape[2], layout
            for frame in clip.transpose(0, 2, 3, 1):
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
                container.mux(stream.encode(picture.reformat(format=layout)))
            container.mux(stream.encode(None))
        return file.getvalue()

    return write


def read_video(encoded: bytes) -> Clip:
    """Inverse of `write_video`, single-threaded."""
    with av.open(io.BytesIO(encoded)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        frames = [frame.to_ndarray(format="rgb24", threads=1) for frame in container.decode(stream)]
    return np.ascontiguousarray(np.stack(frames).transpose(0, 3, 1, 2))


FORMATS: dict[str, tuple[Callable[[Clip], bytes], Callable[[bytes], Any]]] = {
    "differences, zstd": (write_differences("zstd"), read_differences("zstd")),
    "differences, lz4": (write_differences("lz4"), read_differences("lz4")),
    "png": (write_png, read_png),
    "ffv1": (write_video("ffv1", "bgr0"), read_video),
    "utvideo": (write_video("utvideo", "gbrp"), read_video),
}

if __name__ == "__main__":
    main()
