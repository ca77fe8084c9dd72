"""Determine facts of a video file from its frames, not from its header, with PyAV."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from vqathinker.errors import InputError
from vqathinker.video.container import open_video
from vqathinker.video.damage import DamagedVideo, require_stable_file
from vqathinker.video.orientation import FrameShape, shape_of
from vqathinker.video.packets import PacketInfo, demux_to_end
from vqathinker.video.scan import scan_video
from vqathinker.video.timeline import Timeline
from vqathinker.video.workers import Limits, preload_modules, run_in_workers

_MB = 1_000_000
_MAX_KEY_FRAMES = 64  # with an intra-only codec, every frame is a key frame
# Generous, because long files may be on slow disks, and some have to be decoded completely.
PROBE_LIMITS = Limits(timeout_s=600, memory_mb=2000)


@dataclass(frozen=True, slots=True)
class Probe:
    """Facts about a video as displayed."""

    width: int  # in pixels, after rotation
    height: int
    fps: float  # the mean if the frame rate varies
    frames: int  # number of displayed frames, without those hidden by an edit list
    duration_s: float  # from the first frame to the end of the last
    codec: str  # FFmpeg's name, such as h264, hevc, vp9, av1
    pixel_format: str  # FFmpeg's name, such as yuv420p10le
    rotation: int  # by the display matrix, degrees counter-clockwise, 0 to 359
    note: str = ""  # peculiarities of an intact video that a user should know


@dataclass(frozen=True, slots=True)
class ClipBounds:
    """Limits for clips sent to a server. Error messages contain no path."""

    megabytes: float = 200  # size of the file; 1 MB is 10^6 bytes
    seconds: float = 300
    pixels: int = 4096 * 2304  # per frame; cinema 4K

    @property
    def file_bytes(self) -> int:
        """Maximum size of a file in bytes."""
        return int(self.megabytes * _MB)

    def require_file(self, path: Path) -> None:
        """Raise InputError if the file is too large. Raises OSError."""
        if (size := path.stat().st_size) > self.file_bytes:
            raise InputError(
                f"the file has {size / _MB:.0f} MB, the limit is {self.megabytes:g} MB: shorten "
                "the clip, or run `vqathinker score` on your own computer"
            )

    def require_video(self, facts: Probe) -> None:
        """Raise InputError if the clip is too long or its frames are too large."""
        if facts.duration_s > self.seconds:
            raise InputError(
                f"the clip lasts {facts.duration_s:.0f} s, the limit is {self.seconds:g} s: cut it"
            )
        if facts.width * facts.height > self.pixels:
            raise InputError(
                f"frames have {facts.width}x{facts.height} pixels, the limit is {self.pixels} "
                "pixels: downscale the clip"
            )


def probe(path: Path) -> Probe:
    """Read all packets of a video and decode its key frames, or every frame if necessary.

    Raises:
        FileNotFoundError: the file does not exist.
        JobError: the file cannot be read, or it changes in the meantime.
        DamagedVideo: see `open_video` and `scan_video`.
    """
    if not os.path.exists(path):  # noqa: PTH110  Path.exists raises if the name is too long
        raise FileNotFoundError(f"{path}: no such video file")
    with require_stable_file(path):
        with open_video(path) as (container, stream):
            packets, timeline = scan_video(container, stream, path)
        # Open it again, because not every format can seek to its start.
        with open_video(path) as (container, stream):
            shape, *later = _shapes(container, stream, packets, path)
            nominal = float(stream.average_rate or stream.guessed_rate or 0)
            notes = _notes([shape, *later], timeline, stream.frames, len(packets))
            return Probe(
                width=shape.width,
                height=shape.height,
                fps=round(timeline.frames_per_second(nominal), 6),
                frames=timeline.frames,
                duration_s=round(timeline.duration_s, 6),
                codec=stream.codec_context.codec.canonical_name,
                pixel_format=shape.pixel_format,
                rotation=shape.rotation,
                note="; ".join(notes),
            )


def probe_all(
    paths: Sequence[Path], limits: Limits = PROBE_LIMITS, workers: int = 1
) -> Iterator[Probe | DamagedVideo | FileNotFoundError]:
    """Probe every path in worker processes; yields results in order. Raises: `run_in_workers`."""
    preload_modules("vqathinker.video.probe")
    pending = {}
    next_number = 0
    for number, outcome in run_in_workers(probe, [(path,) for path in paths], limits, workers):
        pending[number] = outcome
        while next_number in pending:
            yield pending.pop(next_number)
            next_number += 1


def _shapes(
    container: InputContainer, stream: VideoStream, packets: Sequence[PacketInfo], path: Path
) -> list[FrameShape]:
    """Shapes of the first frame and of up to 64 key frames: a shape changes only at key frames."""
    try:
        shapes = [shape_of(next(container.decode(stream)))]
    except av.error.MemoryError:
        raise
    except (av.error.FFmpegError, StopIteration) as error:
        raise DamagedVideo(path, "no_frames", "no frame can be decoded") from error
    step = -(-sum(packet.is_key for packet in packets) // _MAX_KEY_FRAMES) or 1
    keys = (p for p in demux_to_end(container, stream) if p.size and p.is_keyframe)
    for packet in chain(islice(keys, 0, None, step), [None]):
        with suppress(av.error.FFmpegError):  # decoding the clip will report it
            shapes += map(shape_of, stream.codec_context.decode(packet))
    return shapes


def _notes(
    shapes: Sequence[FrameShape], timeline: Timeline, declared: int, packets: int
) -> Iterator[str]:
    if shapes[0].rotation % 90:
        rotated = f"its header rotates it clockwise by {-shapes[0].rotation % 360} degrees"
        yield f"{rotated}, which most players ignore: frames are used as stored"
    if timeline.restarts:
        yield f"its clock is reset {timeline.restarts} times: frames are counted continuously"
    if declared and declared != packets:
        yield f"its header states {declared} frames"
    for name, values in (
        ("size", [f"{shape.width}x{shape.height}" for shape in shapes]),
        ("pixel format", [shape.pixel_format for shape in shapes]),
        ("rotation", [f"{shape.rotation} degrees" for shape in shapes]),
    ):
        if len(distinct := list(dict.fromkeys(values))) > 1:
            yield f"the {name} of its frames changes: {', '.join(distinct)}"
