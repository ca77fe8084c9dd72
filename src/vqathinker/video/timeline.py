"""Determine the displayed frames of a video, their order and their times.

The reference is ffmpeg, which displays the output of its decoder in order. If the packets determine
this output, nothing is decoded; otherwise every frame is. Frame counts, frame rates and durations
of the header are not used.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

from av.container import InputContainer
from av.video.stream import VideoStream

from vqathinker.video.packets import PacketInfo

# Containers that store a presentation time for every packet, and codecs with exactly one frame per
# packet (verified against ffmpeg). VP8 is excluded, because it has packets without a frame.
_TIMED_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
_ONE_FRAME_CODECS = {"h264", "hevc", "vp9", "av1"}
# AV_FIELD_PROGRESSIVE; 0 is unknown. With other values, H.264 may split a frame into two packets.
_PROGRESSIVE = 1
# PyAV fills in presentation times, which are wrong for packed B-frames. ffmpeg displays a frame at
# the decoding time of the packet with which the decoder returns it.
_CONTAINERS_WITHOUT_PTS = {"avi"}
# FFmpeg's formats with AVFMT_TS_DISCONT: a longer jump starts a new clock (dts_delta_threshold).
_CONTAINERS_WITH_CLOCK_RESETS = {"mpegts", "mpeg", "nut", "ogg"}
_MAX_GAP_S = 10.0
_MAX_REORDERED = 16  # frames; the limit of H.264 and HEVC
_DEFAULT_FPS = 25.0  # as in FFmpeg


@dataclass(frozen=True, slots=True)
class Timeline:
    """Times of the frames of a video, in display order."""

    pts: tuple[int, ...] | None  # in ticks; None unless the packets determine them
    # Relative to the first frame. They continue after a clock reset, as in joined recordings.
    seconds: tuple[float, ...]
    duration_s: float  # from the first frame to the end of the last
    restarts: int  # number of clock resets

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.seconds)

    def frames_per_second(self, nominal: float) -> float:
        """The nominal rate if the number of frames agrees with it within 0.5, else the mean."""
        if nominal and abs(self.frames - nominal * self.duration_s) <= 0.5:
            return nominal
        return self.frames / self.duration_s if self.duration_s else nominal


class FrameTime(NamedTuple):
    """Times of a decoded frame, in ticks."""

    pts: int | None
    dts: int | None
    duration: int


def timeline_of_packets(
    container: InputContainer, stream: VideoStream, packets: Sequence[PacketInfo]
) -> Timeline | None:
    """Compute the timeline if the packets alone determine it; otherwise None."""
    codec = stream.codec_context.codec
    determined = (
        container.format.name in _TIMED_CONTAINERS
        and (codec.intra_only or codec.canonical_name in _ONE_FRAME_CODECS)
        and stream.codec_context.field_order <= _PROGRESSIVE
        and _are_in_pts_order(stream, packets)
    )
    times = sorted((p.pts, p.duration) for p in packets if p.is_displayed and p.pts is not None)
    if not determined or not times:
        return None
    pts = [pts for pts, _ in times]
    return _build_timeline(container, stream, pts, times[-1][1], is_determined=True)


def timeline_of_frames(
    container: InputContainer, stream: VideoStream, times: Sequence[FrameTime]
) -> Timeline:
    """Compute the timeline from the times of all decoded frames, in the decoder's order."""
    has_pts = container.format.name not in _CONTAINERS_WITHOUT_PTS
    known = [time.pts for time in times] if has_pts else _decoding_times(times)
    pts = [time for time in known if time is not None]
    if len(pts) < len(times) or not stream.time_base:
        return _timeline_without_clock(stream, [time.duration for time in times])
    if container.format.name not in _CONTAINERS_WITH_CLOCK_RESETS and _are_reordered(pts):
        pts = sorted(pts)
    return _build_timeline(container, stream, pts, times[-1].duration, is_determined=False)


def _are_in_pts_order(stream: VideoStream, packets: Sequence[PacketInfo]) -> bool:
    """Whether the decoder will return the frames in the order of their presentation times."""
    shown = sorted(p.pts for p in packets if p.is_displayed and p.pts is not None)
    gaps = [after - before for before, after in pairwise(shown)] or [1]
    pts = [packet.pts for packet in packets if packet.pts is not None]
    dts = [packet.dts for packet in packets if packet.dts is not None]
    depth = stream.codec_context.reorder_depth
    return (
        len(pts) == len(packets)
        and min(gaps) > 0
        # A gap of one tick among larger ones: the muxer had two frames with the same time, and
        # their order may differ from that of their times.
        and (min(gaps) > 1 or max(gaps) == 1)
        and not any(packet.is_flagged_corrupt for packet in packets)
        # Decoders drop frames that refer to frames before the first key frame.
        and packets[0].is_key
        and min(pts) == packets[0].pts
        and dts == sorted(dts)
        # Reordering must not exceed the depth in the codec's header, and must occur if the depth is
        # not 0: a remuxed AVI has decoding times instead of presentation times.
        and min(1, depth) <= _max_reordering(packets) <= depth
    )


def _max_reordering(packets: Iterable[PacketInfo]) -> int:
    """Maximum number of frames that precede a frame in the file but are displayed after it."""
    most = 0
    later: list[int] = []
    for packet in packets:
        if packet.is_displayed and packet.pts is not None:
            later = [pts for pts in later if pts > packet.pts]
            most = max(most, len(later))
            later.append(packet.pts)
    return most


def _decoding_times(times: Sequence[FrameTime]) -> list[int | None]:
    """Decoding times of frames; those returned after the last packet are extrapolated as in ffmpeg.

    Source: `video_duration_estimate` of FFmpeg's fftools/ffmpeg_dec.c. A duration of one tick is
    often a placeholder. If the previous frame lasted more than two ticks, its duration is reused.
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


def _are_reordered(pts: Sequence[int]) -> bool:
    """Whether the times are out of order by a few frames, not because of a clock reset."""
    ranks = sorted(range(len(pts)), key=pts.__getitem__)
    farthest = max(abs(rank - number) for number, rank in enumerate(ranks))
    return len(set(pts)) == len(pts) and 0 < farthest <= _MAX_REORDERED


def _timeline_without_clock(stream: VideoStream, durations: Sequence[int]) -> Timeline:
    if stream.time_base and min(durations) > 0:
        gaps_s = [duration * float(stream.time_base) for duration in durations]
    else:
        gaps_s = [_nominal_gap_s(stream)] * len(durations)
    *seconds, duration_s = accumulate(gaps_s, initial=0.0)
    return Timeline(None, tuple(seconds), duration_s, restarts=0)


def _build_timeline(
    container: InputContainer,
    stream: VideoStream,
    pts: Sequence[int],
    last_duration: int,
    is_determined: bool,
) -> Timeline:
    tick_s = float(stream.time_base or 0)
    may_restart = container.format.name in _CONTAINERS_WITH_CLOCK_RESETS
    max_gap = _MAX_GAP_S / tick_s if may_restart else float("inf")
    seconds: list[float] = []
    segments = list(_split_at_restarts(pts, max_gap))
    start_s = 0.0
    for segment in segments:
        times = [(time - segment[0]) * tick_s for time in segment]
        seconds += [start_s + second for second in times]
        gap_s = times[-1] / (len(times) - 1) if len(times) > 1 else _nominal_gap_s(stream)
        start_s = seconds[-1] + gap_s
    duration_s = seconds[-1] + last_duration * tick_s if last_duration > 0 else start_s
    restarts = len(segments) - 1
    return Timeline(tuple(pts) if is_determined else None, tuple(seconds), duration_s, restarts)


def _split_at_restarts(pts: Sequence[int], max_gap: float) -> Iterator[Sequence[int]]:
    start = 0
    for number, (before, after) in enumerate(pairwise(pts), start=1):
        if not 0 <= after - before <= max_gap:
            yield pts[start:number]
            start = number
    yield pts[start:]


def _nominal_gap_s(stream: VideoStream) -> float:
    return 1 / float(stream.guessed_rate or stream.average_rate or _DEFAULT_FPS)
