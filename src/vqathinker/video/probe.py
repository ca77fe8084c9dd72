"""Facts of a video file: what it shows, not what its header says. PyAV reads it, no ffprobe."""

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
from vqathinker.video.damage import DamagedVideo, undisturbed
from vqathinker.video.orientation import FrameShape, shape_of
from vqathinker.video.packets import PacketInfo, demux_to_end
from vqathinker.video.shown_frames import find_shown_frames
from vqathinker.video.timeline import Timeline
from vqathinker.video.workers import Limits, preload_modules, run_in_workers

_MB = 1_000_000
_MOST_KEY_FRAMES = 64  # a codec of key frames only has hundreds
# Reading a long file from a slow disk takes a while, and some have to be decoded.
PROBE_LIMITS = Limits(timeout_s=600, memory_mb=2000)


@dataclass(frozen=True, slots=True)
class Probe:
    """Facts of what a video shows."""

    width: int  # pixels as displayed, after rotation
    height: int
    fps: float  # the mean if the frame rate varies
    frames: int  # that are shown, without those an edit list cuts away
    duration_s: float  # from the first frame to the end of the last
    codec: str  # FFmpeg's name, such as h264, hevc, vp9, av1
    pixel_format: str  # FFmpeg's name, such as yuv420p10le
    rotation: int  # by the display matrix, degrees counter-clockwise, 0 to 359
    note: str = ""  # what else a user should know of a healthy video


@dataclass(frozen=True, slots=True)
class ClipBounds:
    """The largest clip that a server accepts. Errors name no path."""

    megabytes: float = 200  # of the file, 10^6 bytes each
    seconds: float = 300
    pixels: int = 4096 * 2304  # of a frame; 4K as cinemas have it

    @property
    def file_bytes(self) -> int:
        """Bytes of the largest file."""
        return int(self.megabytes * _MB)

    def require_file(self, path: Path) -> None:
        """Raise InputError for a file that is too large. Raises OSError."""
        if (size := path.stat().st_size) > self.file_bytes:
            raise InputError(
                f"a file of {size / _MB:.0f} MB, at most {self.megabytes:g} MB are taken: cut the "
                "clip, or ask on a computer of your own with `vqathinker score`"
            )

    def require_shown(self, facts: Probe) -> None:
        """Raise InputError for a clip that is too long, or whose frames are too large."""
        if facts.duration_s > self.seconds:
            raise InputError(
                f"a clip of {facts.duration_s:.0f} s, at most {self.seconds:g} s are taken: cut it"
            )
        if facts.width * facts.height > self.pixels:
            raise InputError(
                f"frames of {facts.width}x{facts.height} pixels, at most {self.pixels} pixels are "
                "taken: make them smaller"
            )


def probe(path: Path) -> Probe:
    """Read a video to its end, and decode its key frames, or every frame if that is necessary.

    Raises:
        FileNotFoundError: nothing is there.
        DisturbedJobError: the system does not give the file, or it changes meanwhile.
        DamagedVideo: as `open_video` and `find_shown_frames`.
    """
    if not os.path.exists(path):  # noqa: PTH110  False where the name is too long, too
        raise FileNotFoundError(f"{path}: no such video file")
    with undisturbed(path):
        with open_video(path) as (container, stream):
            packets, timeline = find_shown_frames(container, stream, path)
        # Opened again: not every format can seek to its start.
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
    """Probe every path in worker processes; results in order. Raises as `run_in_workers`."""
    preload_modules("vqathinker.video.probe")
    early = {}
    following = 0
    for number, outcome in run_in_workers(probe, [(path,) for path in paths], limits, workers):
        early[number] = outcome
        while following in early:
            yield early.pop(following)
            following += 1


def _shapes(
    container: InputContainer, stream: VideoStream, packets: Sequence[PacketInfo], path: Path
) -> list[FrameShape]:
    """Shapes of the first frame and of up to 64 key frames, at which a shape may change."""
    try:
        shapes = [shape_of(next(container.decode(stream)))]
    except av.error.MemoryError:
        raise
    except (av.error.FFmpegError, StopIteration) as error:
        raise DamagedVideo(path, "no_frames", "no frame can be decoded") from error
    step = -(-sum(packet.is_key for packet in packets) // _MOST_KEY_FRAMES) or 1
    keys = (p for p in demux_to_end(container, stream) if p.size and p.is_keyframe)
    for packet in chain(islice(keys, 0, None, step), [None]):
        with suppress(av.error.FFmpegError):  # reading the clip will tell
            shapes += map(shape_of, stream.codec_context.decode(packet))
    return shapes


def _notes(
    shapes: Sequence[FrameShape], timeline: Timeline, promised: int, packets: int
) -> Iterator[str]:
    if shapes[0].rotation % 90:
        turned = f"its header turns it clockwise by {-shapes[0].rotation % 360} degrees"
        yield f"{turned}, which most players do not do: taken as it is stored"
    if timeline.restarts:
        yield f"its clock starts again, {timeline.restarts} times: frames are counted on"
    if promised and promised != packets:
        yield f"its header promises {promised} frames"
    for name, values in (
        ("size", [f"{shape.width}x{shape.height}" for shape in shapes]),
        ("pixel format", [shape.pixel_format for shape in shapes]),
        ("rotation", [f"{shape.rotation} degrees" for shape in shapes]),
    ):
        if len(distinct := list(dict.fromkeys(values))) > 1:
            yield f"the {name} of its frames changes: {', '.join(distinct)}"
