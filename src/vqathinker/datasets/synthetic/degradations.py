"""Degradations of the demo: real encoders and filters, with a strength of 0..1.

Each function takes an ffmpeg-python stream and returns the degraded stream with its encoder
options: x264 at high quality, unless compression is the degradation.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from vqathinker.datasets.synthetic.contents import Content

_HIGH_QUALITY: dict[str, Any] = {"vcodec": "libx264", "preset": "veryfast", "crf": 12}


class DegradedStream(NamedTuple):
    """A stream and the ffmpeg options to encode it."""

    stream: Any
    codec: dict[str, Any] = _HIGH_QUALITY


def _blur(stream: Any, _: Content, strength: float) -> DegradedStream:
    sigma = round(_interpolate(0.25, 3.5, strength), 3)
    return DegradedStream(stream.filter("gblur", sigma=sigma))


def _noise(stream: Any, content: Content, strength: float) -> DegradedStream:
    level, seed = round(_interpolate(3, 70, strength)), content.seed % 10_000
    return DegradedStream(stream.filter("noise", alls=level, allf="t", all_seed=seed))


def _downscale(stream: Any, content: Content, strength: float) -> DegradedStream:
    factor = _interpolate(1.1, 5.0, strength)
    size = [2 * max(4, round(side / factor / 2)) for side in (content.width, content.height)]
    smaller = stream.filter("scale", *size, flags="area")
    return DegradedStream(smaller.filter("scale", content.width, content.height, flags="bilinear"))


def _exposure(stream: Any, content: Content, strength: float) -> DegradedStream:
    """Brighter or darker by up to 2.8 stops; values out of range are clipped."""
    gain = 2 ** (_interpolate(0.1, 2.8, strength) * (1 if content.seed % 2 else -1))
    return DegradedStream(stream.filter("lutyuv", y=f"clip((val-16)*{gain:.4f}+16,16,235)"))


def _freeze(stream: Any, content: Content, strength: float) -> DegradedStream:
    """One freeze, from 5 % to 95 % of the clip."""
    length = _interpolate(0.05, 0.95, strength) * content.seconds
    start = (content.seconds - length) * (content.seed % 7) / 7 + 1.5 / content.fps
    without_stop = stream.filter("select", f"not(between(t,{start:.4f},{start + length:.4f}))")
    return _hold_frames(without_stop, content)


def _stutter(stream: Any, content: Content, strength: float) -> DegradedStream:
    """A low frame rate: from eight distinct frames in the clip down to one."""
    pictures = _interpolate(8, 1, strength)
    rate = round(pictures / content.seconds, 4)
    return _hold_frames(stream.filter("fps", rate, round="down"), content)


def _drop_bursts(stream: Any, content: Content, strength: float) -> DegradedStream:
    """Two bursts of lost frames; the last frame before a burst is repeated until it ends."""
    half = content.seconds / 2
    lost = _interpolate(0.05, 0.95, strength) * half
    start = (half - lost) * (content.seed % 5) / 5
    burst = f"between(mod(t,{half:.4f}),{start:.4f},{start + lost:.4f})"
    return _hold_frames(stream.filter("select", f"eq(n,0)+not({burst})"), content)


def _hold_frames(stream: Any, content: Content) -> DegradedStream:
    """Restore frame rate and length of the clip by repeating frames."""
    held = stream.filter("fps", content.fps)
    held = held.filter("tpad", stop_mode="clone", stop_duration=content.seconds)
    return DegradedStream(held.filter("trim", duration=content.seconds))


def _x264(stream: Any, _: Content, strength: float) -> DegradedStream:
    crf = round(_interpolate(27, 47, strength), 1)
    return DegradedStream(stream, {"vcodec": "libx264", "preset": "veryfast", "crf": crf})


def _x265(stream: Any, _: Content, strength: float) -> DegradedStream:
    crf = round(_interpolate(27, 46, strength), 1)
    # With several threads, the bytes would depend on the machine.
    single_thread = "log-level=none:pools=none:frame-threads=1:wpp=0"
    codec = {"vcodec": "libx265", "preset": "ultrafast", "crf": crf, "x265-params": single_thread}
    return DegradedStream(stream, codec)


def _vp9(stream: Any, _: Content, strength: float) -> DegradedStream:
    crf = round(_interpolate(44, 63, strength))
    fastest = {"deadline": "realtime", "cpu-used": 8}
    return DegradedStream(stream, {"vcodec": "libvpx-vp9", "b:v": 0, "crf": crf, **fastest})


def _interpolate(low: float, high: float, strength: float) -> float:
    return low + (high - low) * strength


DEGRADATIONS: dict[str, Callable[[Any, Content, float], DegradedStream]] = {
    "blur": _blur,
    "noise": _noise,
    "exposure": _exposure,
    "downscale": _downscale,
    "x264": _x264,
    "x265": _x265,
    "vp9": _vp9,
    "freeze": _freeze,
    "stutter": _stutter,
    "drop": _drop_bursts,
}
