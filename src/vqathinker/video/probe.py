"""Facts of a video file: what it shows, not what its header says about it.

PyAV reads the container, so no ffprobe program is needed.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vqathinker.video.container import open_video
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.disturbance import undisturbed
from vqathinker.video.fork_server import preload_modules
from vqathinker.video.frame_shapes import describe_changes, key_frames, shape_of
from vqathinker.video.limits import Limits
from vqathinker.video.orientation import Orientation, orientation_of
from vqathinker.video.shown_frames import ShownFrames, find_shown_frames
from vqathinker.video.workers import run_in_workers

__all__ = ["PROBE_LIMITS", "Probe", "probe", "probe_all"]

# Reading a long file may take a while on a slow disk, and some have to be decoded.
PROBE_LIMITS = Limits(timeout_s=600, memory_mb=2000)


@dataclass(frozen=True, slots=True)
class Probe:
    """Facts of what a video shows.

    Attributes:
        width, height: pixels as displayed, after rotation.
        fps: frames per second; the mean where the frame rate varies.
        frames: frames that are shown, without those an edit list cuts away.
        duration_s: seconds from the first frame to the end of the last.
        codec: FFmpeg's name of the codec, such as h264, hevc, vp9, av1.
        pixel_format: FFmpeg's name, such as yuv420p10le.
        rotation: degrees that the file's display matrix turns frames counter-clockwise, 0 to 359.
        note: what else a user should know of a healthy video; may be empty.
    """

    width: int
    height: int
    fps: float
    frames: int
    duration_s: float
    codec: str
    pixel_format: str
    rotation: int
    note: str = ""


def probe(path: Path) -> Probe:
    """Read the video at `path` to its end and decode its first frame, or all where it must be.

    Raises:
        FileNotFoundError: nothing is there.
        Disturbance: the system does not give the file, or it changes meanwhile.
        DamagedVideo: as `open_video` and `find_shown_frames`.
    """
    if not os.path.exists(path):  # noqa: PTH110  also where the name is too long
        raise FileNotFoundError(f"{path}: no such video file")
    with undisturbed(path):
        with open_video(path) as (container, stream):
            found = find_shown_frames(container, stream, path)
        # Opened anew: not every format can go back.
        with open_video(path) as (container, stream):
            if found.first is None:
                first = _decode_first_frame(container, stream, path)
                later = key_frames(container, stream, found.packets)
                shapes = [shape_of(first), *map(shape_of, later)]
                found = found._replace(first=first, shapes=shapes)
            return _probe_of(stream, found)


def probe_all(
    paths: Sequence[Path], limits: Limits = PROBE_LIMITS, workers: int = 1
) -> Iterator[Probe | DamagedVideo | FileNotFoundError]:
    """Probe every path, in processes of their own that no file can stop; results in order.

    Raises DisturbedJobError, see `run_in_workers`.
    """
    preload_modules("vqathinker.video.probe")
    early: dict[int, Probe | DamagedVideo | FileNotFoundError] = {}
    following = 0
    for number, outcome in run_in_workers(probe, [(path,) for path in paths], limits, workers):
        early[number] = outcome
        while following in early:
            yield early.pop(following)
            following += 1


def _decode_first_frame(container: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    try:
        first = next(container.decode(stream), None)
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError as error:
        reason = f"no frame can be decoded ({error.strerror})"
        raise DamagedVideo(path, "no_frames", reason) from error
    if first is None:
        raise DamagedVideo(path, "no_frames", "no frame can be decoded")
    return first


def _probe_of(stream: VideoStream, found: ShownFrames) -> Probe:
    assert found.first is not None  # noqa: S101  decoded by now
    timeline, shape = found.timeline, found.shapes[0]
    nominal = float(stream.average_rate or stream.guessed_rate or 0)
    return Probe(
        width=shape.width,
        height=shape.height,
        fps=round(timeline.frames_per_second(nominal), 6),
        frames=timeline.frames,
        duration_s=round(timeline.duration_s, 6),
        codec=stream.codec_context.codec.canonical_name,
        pixel_format=shape.pixel_format,
        rotation=shape.rotation,
        note="; ".join(_notes(orientation_of(found.first), found, stream.frames)),
    )


def _notes(orientation: Orientation, found: ShownFrames, promised: int) -> Iterator[str]:
    if not orientation.is_applied:
        turned = f"its header turns it clockwise by {orientation.degrees} degrees"
        yield f"{turned}, which most players do not do: taken as it is stored"
    if restarts := found.timeline.restarts:
        yield f"its clock starts again, {restarts} times: frames are counted on"
    if promised and promised != len(found.packets):
        yield f"its header promises {promised} frames"
    yield from describe_changes(found.shapes)
