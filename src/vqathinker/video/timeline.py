"""Which frames a video shows, in which order and when.

ffmpeg shows what its decoder puts out, in that order. Where the packets determine that, nothing is
decoded; else every frame is. Frame counts, rates and durations of the header are used for neither.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

from av.container import InputContainer
from av.video.stream import VideoStream

from vqathinker.video.packets import PacketInfo

# Containers that store a presentation time with every packet, and codecs with one frame in each
# packet, compared with ffmpeg. VP8 is left out: it has packets that show nothing.
_TIMED_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
_ONE_FRAME_CODECS = {"h264", "hevc", "vp9", "av1"}
_PROGRESSIVE = (
    1  # AV_FIELD_PROGRESSIVE; 0: unknown; others: H.264 may split a frame into two packets
)
# PyAV fills in presentation times there, which are wrong where B-frames are packed. ffmpeg shows a
# frame at the decoding time of the packet with which it comes out of the decoder.
_CONTAINERS_WITHOUT_PTS = {"avi"}
# FFmpeg's with AVFMT_TS_DISCONT: after a longer jump another clock begins (dts_delta_threshold).
_CONTAINERS_THAT_RESTART = {"mpegts", "mpeg", "nut", "ogg"}
_LONGEST_PAUSE_S = 10.0
_MOST_REORDERED = 16  # frames, in H.264 and HEVC
_RATE_WITHOUT_TIMES = 25.0  # FFmpeg's


@dataclass(frozen=True, slots=True)
class Timeline:
    """The frames of a video, in the order in which they are shown."""

    pts: tuple[int, ...] | None  # in ticks; None unless the packets determine them
    # Counted from the first frame; they continue where the clock restarts, as in joined recordings.
    seconds: tuple[float, ...]
    duration_s: float  # from the first frame to the end of the last
    restarts: int  # of the clock

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.seconds)

    def frames_per_second(self, nominal: float) -> float:
        """The nominal rate if the frames follow it within half a frame, else their mean rate."""
        if nominal and abs(self.frames - nominal * self.duration_s) <= 0.5:
            return nominal
        return self.frames / self.duration_s if self.duration_s else nominal


class FrameTime(NamedTuple):
    """Times of a frame, in ticks."""

    pts: int | None
    dts: int | None
    duration: int


def timeline_of_packets(
    container: InputContainer, stream: VideoStream, packets: Sequence[PacketInfo]
) -> Timeline | None:
    """The timeline if the packets alone determine it, else None."""
    codec = stream.codec_context.codec
    determined = (
        container.format.name in _TIMED_CONTAINERS
        and (codec.intra_only or codec.canonical_name in _ONE_FRAME_CODECS)
        and stream.codec_context.field_order <= _PROGRESSIVE
        and _have_order_of_times(stream, packets)
    )
    times = sorted((p.pts, p.duration) for p in packets if p.is_shown and p.pts is not None)
    if not determined or not times:
        return None
    return _timeline(container, stream, [pts for pts, _ in times], times[-1][1], has_order=True)


def timeline_of_frames(
    container: InputContainer, stream: VideoStream, times: Sequence[FrameTime]
) -> Timeline:
    """The timeline of all frames of a stream, given their times in the decoder's order."""
    has_pts = container.format.name not in _CONTAINERS_WITHOUT_PTS
    known = [time.pts for time in times] if has_pts else _decoding_times(times)
    pts = [time for time in known if time is not None]
    if len(pts) < len(times) or not stream.time_base:
        return _timeline_without_clock(stream, [time.duration for time in times])
    if container.format.name not in _CONTAINERS_THAT_RESTART and _are_shuffled(pts):
        pts = sorted(pts)
    return _timeline(container, stream, pts, times[-1].duration, has_order=False)


def _have_order_of_times(stream: VideoStream, packets: Sequence[PacketInfo]) -> bool:
    """Whether the frames of the packets come in the order of their presentation times."""
    shown = sorted(p.pts for p in packets if p.is_shown and p.pts is not None)
    gaps = [after - before for before, after in pairwise(shown)] or [1]
    pts = [packet.pts for packet in packets if packet.pts is not None]
    dts = [packet.dts for packet in packets if packet.dts is not None]
    depth = stream.codec_context.reorder_depth
    return (
        len(pts) == len(packets)
        and min(gaps) > 0
        # One tick between two frames, and more between others: the muxer had two frames for one
        # time, and their order need not be that of their times.
        and (min(gaps) > 1 or max(gaps) == 1)
        and not any(packet.is_marked_corrupt for packet in packets)
        # Decoders leave out what refers to frames before the first key frame.
        and packets[0].is_key
        and min(pts) == packets[0].pts
        and dts == sorted(dts)
        # No more frames overtake others than the codec's header says, and some must if it says so:
        # a copy out of AVI has decoding times in the place of presentation times.
        and min(1, depth) <= _most_overtaking(packets) <= depth
    )


def _most_overtaking(packets: Iterable[PacketInfo]) -> int:
    """Most frames that come before another one in the file and are shown after it."""
    most = 0
    later: list[int] = []
    for packet in packets:
        if packet.is_shown and packet.pts is not None:
            later = [pts for pts in later if pts > packet.pts]
            most = max(most, len(later))
            later.append(packet.pts)
    return most


def _decoding_times(times: Sequence[FrameTime]) -> list[int | None]:
    """Decoding times of frames; frames that come out after the last packet follow as in ffmpeg.

    Source: `video_duration_estimate` of FFmpeg's fftools/ffmpeg_dec.c. A duration of one tick is
    often made up; if the frame before lasted more than two, this one lasts as long.
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


def _are_shuffled(pts: Sequence[int]) -> bool:
    """Whether the times are out of order by a few frames, and not those of another clock."""
    ranks = sorted(range(len(pts)), key=pts.__getitem__)
    farthest = max(abs(rank - number) for number, rank in enumerate(ranks))
    return len(set(pts)) == len(pts) and 0 < farthest <= _MOST_REORDERED


def _timeline_without_clock(stream: VideoStream, durations: Sequence[int]) -> Timeline:
    if stream.time_base and min(durations) > 0:
        gaps_s = [duration * float(stream.time_base) for duration in durations]
    else:
        gaps_s = [_nominal_gap_s(stream)] * len(durations)
    *seconds, duration_s = accumulate(gaps_s, initial=0.0)
    return Timeline(None, tuple(seconds), duration_s, restarts=0)


def _timeline(
    container: InputContainer,
    stream: VideoStream,
    pts: Sequence[int],
    last_duration: int,
    has_order: bool,
) -> Timeline:
    tick_s = float(stream.time_base or 0)
    may_restart = container.format.name in _CONTAINERS_THAT_RESTART
    longest_pause = _LONGEST_PAUSE_S / tick_s if may_restart else float("inf")
    seconds: list[float] = []
    segments = list(_split_at_restarts(pts, longest_pause))
    start_s = 0.0
    for segment in segments:
        own = [(time - segment[0]) * tick_s for time in segment]
        seconds += [start_s + second for second in own]
        gap_s = own[-1] / (len(own) - 1) if len(own) > 1 else _nominal_gap_s(stream)
        start_s = seconds[-1] + gap_s
    duration_s = seconds[-1] + last_duration * tick_s if last_duration > 0 else start_s
    restarts = len(segments) - 1
    return Timeline(tuple(pts) if has_order else None, tuple(seconds), duration_s, restarts)


def _split_at_restarts(pts: Sequence[int], longest_pause: float) -> Iterator[Sequence[int]]:
    start = 0
    for number, (before, after) in enumerate(pairwise(pts), start=1):
        if not 0 <= after - before <= longest_pause:
            yield pts[start:number]
            start = number
    yield pts[start:]


def _nominal_gap_s(stream: VideoStream) -> float:
    return 1 / float(stream.guessed_rate or stream.average_rate or _RATE_WITHOUT_TIMES)
