"""Which frames a video shows, in which order and when: the one place that decides it.

What ffmpeg shows is what its decoder puts out, in that order. Where the packets say beyond doubt
what that will be, they are enough; else every frame is decoded (`every_frame`). What a header says
of numbers of frames, rates and durations is not used for either.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

from av.container import InputContainer
from av.video.stream import VideoStream

from vqathinker.video.packet_frames import headers_promise_one_frame
from vqathinker.video.packets import PacketInfo

__all__ = ["FrameTime", "Timeline", "timeline_of_frames", "timeline_of_packets"]

# Containers that store a presentation time with every packet, and codecs whose packets were
# compared with what ffmpeg shows; so were codecs that have key frames alone.
_TIMED_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
_COMPARED_CODECS = {"h264", "hevc", "vp8", "vp9", "av1"}
# PyAV fills in presentation times there, which are wrong where B-frames are packed. ffmpeg shows a
# frame at the decoding time of the packet with which it comes out of the decoder.
_CONTAINERS_WITHOUT_PTS = {"avi"}
# FFmpeg's with AVFMT_TS_DISCONT: a clock that jumps by more is another clock (dts_delta_threshold).
_CONTAINERS_THAT_RESTART = {"mpegts", "mpeg", "nut", "ogg"}
_LONGEST_PAUSE_S = 10.0
_MOST_REORDERED = 16  # frames, in H.264 and HEVC
_RATE_WITHOUT_TIMES = 25.0  # FFmpeg's


@dataclass(frozen=True, slots=True)
class Timeline:
    """The frames of a video, in the order in which they are shown.

    Attributes:
        pts: presentation time of each frame in ticks; None where times do not tell frames apart.
        seconds: when each frame is shown, from the first one on. Where the file's clock starts
            again, as where recordings are joined, they go on.
        duration_s: from the first frame to the end of the last.
        restarts: how often the file's clock starts again.
    """

    pts: tuple[int, ...] | None
    seconds: tuple[float, ...]
    duration_s: float
    restarts: int

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.seconds)

    def frames_per_second(self, nominal: float) -> float:
        """The nominal rate where the frames keep to it within half a frame, else their mean."""
        if nominal and abs(self.frames - nominal * self.duration_s) <= 0.5:
            return nominal
        return self.frames / self.duration_s if self.duration_s else nominal


class FrameTime(NamedTuple):
    """Presentation time, decoding time and duration of a frame in ticks."""

    pts: int | None
    dts: int | None
    duration: int


def timeline_of_packets(
    container: InputContainer, stream: VideoStream, packets: Sequence[PacketInfo]
) -> Timeline | None:
    """The timeline, where packets alone tell it; else None."""
    shown = [packet for packet in packets if packet.shows]
    if not (shown and _stream_tells(container, stream) and _packets_tell(stream, packets)):
        return None
    times = sorted((packet.pts, packet.duration) for packet in shown if packet.pts is not None)
    return _timeline(container, stream, [pts for pts, _ in times], times[-1][1], has_order=True)


def timeline_of_frames(
    container: InputContainer, stream: VideoStream, times: Sequence[FrameTime]
) -> Timeline:
    """The timeline of all frames of a stream.

    Args:
        container: the video.
        stream: its stream.
        times: of every frame, as the decoder puts them out.
    """
    has_pts = container.format.name not in _CONTAINERS_WITHOUT_PTS
    known = [time.pts for time in times] if has_pts else _decoding_times(times)
    pts = [time for time in known if time is not None]
    if len(pts) < len(times) or not stream.time_base:
        return _timeline_without_clock(stream, [time.duration for time in times])
    if container.format.name not in _CONTAINERS_THAT_RESTART and _are_shuffled(pts):
        pts = sorted(pts)
    return _timeline(container, stream, pts, times[-1].duration, has_order=False)


def _decoding_times(times: Sequence[FrameTime]) -> list[int | None]:
    """Decoding times of frames. Those that come out behind the last packet follow as in ffmpeg.

    Source: `video_duration_estimate` of FFmpeg's fftools/ffmpeg_dec.c. A duration of one tick is
    often made up; where the frame before lasted more than two, this one lasts as long.
    """
    found: list[int | None] = []
    last, gap = None, 0
    for time in times:
        now = time.dts if time.dts is not None or last is None else last + gap
        if now is not None:
            gap = time.duration
            if last is not None and gap in {0, 1} and now - last > 2 * gap:
                gap = now - last
        found.append(now)
        last = now
    return found


def _timeline_without_clock(stream: VideoStream, durations: Sequence[int]) -> Timeline:
    if stream.time_base and min(durations) > 0:
        gaps_s = [duration * float(stream.time_base) for duration in durations]
    else:
        gaps_s = [_nominal_gap_s(stream)] * len(durations)
    *seconds, duration_s = accumulate(gaps_s, initial=0.0)
    return Timeline(None, tuple(seconds), duration_s, restarts=0)


def _stream_tells(container: InputContainer, stream: VideoStream) -> bool:
    codec = stream.codec_context.codec
    header = bytes(stream.codec_context.extradata or b"")
    return container.format.name in _TIMED_CONTAINERS and (
        codec.intra_only
        or (
            codec.canonical_name in _COMPARED_CODECS
            and headers_promise_one_frame(codec.canonical_name, header)
        )
    )


def _packets_tell(stream: VideoStream, packets: Sequence[PacketInfo]) -> bool:
    """Whether every packet has one frame or none, and the frames come in the order of their times.

    The first packet has to be a key frame with none before it: decoders leave out what refers to
    pictures that are not there. No more frames may overtake others than the codec's header says,
    and some must where it says so: a copy out of a container without times of showing, such as
    AVI, has those of decoding in their place.
    Two frames one tick apart among others that are not are a muxer's way out: it had two frames for
    one time, and their order need not be that of their times.
    """
    shown_pts = sorted(p.pts for p in packets if p.shows and p.pts is not None)
    gaps = [after - before for before, after in pairwise(shown_pts)]
    pts = [packet.pts for packet in packets if packet.pts is not None]
    depth = stream.codec_context.reorder_depth
    return (
        len(pts) == len(packets)
        and min(gaps, default=1) > 0
        and (min(gaps, default=1) > 1 or max(gaps, default=1) == 1)
        and all(packet.shows <= 1 and not packet.is_marked_corrupt for packet in packets)
        and packets[0].is_key
        and min(pts) == packets[0].pts
        and _ascend(packet.dts for packet in packets if packet.dts is not None)
        and min(1, depth) <= _most_overtaking(packets) <= depth
    )


def _most_overtaking(packets: Sequence[PacketInfo]) -> int:
    """Most frames that come before another one in the file and are shown after it."""
    most = 0
    later: list[int] = []
    for packet in packets:
        if packet.shows and packet.pts is not None:
            later = [pts for pts in later if pts > packet.pts]
            most = max(most, len(later))
            later.append(packet.pts)
    return most


def _ascend(values: Iterable[int | None]) -> bool:
    return all(
        before is not None and after is not None and before <= after
        for before, after in pairwise(values)
    )


def _timeline(
    container: InputContainer,
    stream: VideoStream,
    pts: Sequence[int],
    last_duration: int,
    has_order: bool,
) -> Timeline:
    tick_s = float(stream.time_base or 0)
    seconds: list[float] = []
    segments = list(_split_at_restarts(pts, _longest_pause(container, tick_s)))
    start_s = 0.0
    for segment in segments:
        own = [(time - segment[0]) * tick_s for time in segment]
        seconds += [start_s + second for second in own]
        gap_s = own[-1] / (len(own) - 1) if len(own) > 1 else _nominal_gap_s(stream)
        start_s = seconds[-1] + gap_s
    duration_s = seconds[-1] + last_duration * tick_s if last_duration > 0 else start_s
    return Timeline(
        tuple(pts) if has_order else None,
        tuple(seconds),
        duration_s,
        len(segments) - 1,
    )


def _are_shuffled(pts: Sequence[int]) -> bool:
    """Whether times are those of other frames close by, and not those of another clock."""
    ranks = sorted(range(len(pts)), key=pts.__getitem__)
    farthest = max(abs(rank - number) for number, rank in enumerate(ranks))
    return len(set(pts)) == len(pts) and 0 < farthest <= _MOST_REORDERED


def _longest_pause(container: InputContainer, tick_s: float) -> float:
    may_restart = container.format.name in _CONTAINERS_THAT_RESTART
    return _LONGEST_PAUSE_S / tick_s if may_restart else float("inf")


def _split_at_restarts(pts: Sequence[int], longest_pause: float) -> Iterator[Sequence[int]]:
    start = 0
    for number, (before, after) in enumerate(pairwise(pts), start=1):
        if not 0 <= after - before <= longest_pause:
            yield pts[start:number]
            start = number
    yield pts[start:]


def _nominal_gap_s(stream: VideoStream) -> float:
    return 1 / float(stream.guessed_rate or stream.average_rate or _RATE_WITHOUT_TIMES)
