"""Degradations of the demo: real encoders and filters, with a strength of 0..1.

Each function takes an ffmpeg-python stream and returns the degraded stream. Compression is the last
step of a clip: it is the choice of the encoder, whose options `ENCODERS` returns.
"""

from collections.abc import Callable
from typing import Any

import ffmpeg
import numpy as np

from vqathinker.datasets.synthetic.contents import Content

# Sigma of the smoothing in pixels, and the standard deviation of the noise, measured after it, in
# units of a √3-th of the filter's strength.
_SMOOTHED_NOISE = ((0.0, 1.16), (0.5, 0.76), (1.2, 0.31))
Generator = np.random.Generator
Filter = Callable[[Any, Content, float, Generator], Any]


def _contrast(stream: Any, _: Content, strength: float, rng: Generator) -> Any:
    """Less contrast around a random brightness; colours fade alike."""
    factor, centre = round(1 - 0.7 * strength, 4), round(rng.uniform(90, 160), 1)
    colour = f"128+(val-128)*{factor}"
    return stream.filter("lutyuv", y=f"{centre}+(val-{centre})*{factor}", u=colour, v=colour)


def _exposure(stream: Any, content: Content, strength: float, rng: Generator) -> Any:
    """Up to 2.2 stops too dark, with noise, or too bright, with clipped highlights."""
    dark = rng.random() < 0.65
    gain = 2 ** (2.2 * strength * (-1 if dark else 1))
    light = f"clip(pow(pow(max(val-16,0)/219,2.2)*{gain:.4f},1/2.2),0,1)"
    colour = f"128+(val-128)*{min(1, gain ** (1 / 2.2)):.4f}"
    stream = stream.filter("lutyuv", y=f"16+219*{light}", u=colour, v=colour)
    return _add_noise(stream, content, 6 * strength, rng) if dark else stream


def _colour(stream: Any, _: Content, strength: float, rng: Generator) -> Any:
    """Faded or exaggerated colours with a cast."""
    saturation = 1 + strength * (0.8 if rng.random() < 0.5 else -0.9)
    cast = 1 + rng.uniform(-0.25, 0.25, 3) * strength
    stream = stream.filter("hue", s=round(saturation, 4))
    red, green, blue = (round(float(value), 4) for value in cast)
    return stream.filter("colorchannelmixer", rr=red, gg=green, bb=blue)


def _blur(stream: Any, _: Content, strength: float, rng: Generator) -> Any:
    """Gaussian blur, defocus (two boxes) or motion blur, up to a sigma of 4.5 px."""
    sigma = 0.7 * 6.5**strength
    shape = rng.integers(3)
    if shape == 0:
        return stream.filter("gblur", sigma=round(sigma, 3), steps=6)
    if shape == 1:
        box = max(1, round(sigma))
        return stream.filter("avgblur", box).filter("avgblur", max(1, box - 1))
    along, across = round(1 + 2.5 * sigma), 1
    size = (along, across) if rng.random() < 0.5 else (across, along)
    return stream.filter("avgblur", sizeX=size[0], sizeY=size[1])


def _noise(stream: Any, content: Content, strength: float, rng: Generator) -> Any:
    """Noise that differs in each frame, with a standard deviation of 3 to 27 grey levels."""
    return _add_noise(stream, content, 2.5 * 11**strength, rng)


def _add_noise(stream: Any, content: Content, deviation: float, rng: Generator) -> Any:
    """Noise that differs in each frame, in all planes or in brightness only, white or smoothed."""
    smoothing, factor = _SMOOTHED_NOISE[rng.integers(len(_SMOOTHED_NOISE))]
    # The filter limits the strength to 100; stronger noise is amplified after it.
    level = max(1, round(deviation * 3**0.5 / factor))
    gain, level = max(1, level / 100), min(100, level)
    plane, seed = ("all" if rng.random() < 0.5 else "c0"), int(rng.integers(2**31))
    options = {f"{plane}s": level, f"{plane}f": "t", f"{plane}_seed": seed}
    if not smoothing:
        return stream.filter("noise", **options)
    size = f"{content.width}x{content.height}"
    # With a name of its own, because ffmpeg-python merges equal inputs.
    source = f"color@noise{seed}=gray:s={size}:r={content.fps}:d={content.seconds}"
    grey = ffmpeg.input(source, f="lavfi")
    grey = grey.filter("format", "yuv420p").filter("noise", **options)
    noise = grey.filter("gblur", sigma=smoothing, steps=6)
    stronger = f"128+(val-128)*{gain:.3f}"
    noise = noise.filter("lutyuv", y=stronger, u=stronger, v=stronger)
    return ffmpeg.filter([stream, noise], "blend", all_mode="grainmerge", shortest=1)


def _downscale(stream: Any, content: Content, strength: float, rng: Generator) -> Any:
    """Down by a factor of 1.5 to 4.5; `upscale` follows after all other degradations."""
    factor = 1.5 * 3**strength
    size = [2 * max(8, round(side / factor / 2)) for side in (content.width, content.height)]
    return stream.filter("scale", *size, flags="area" if rng.random() < 0.4 else "bicubic")


def upscale(stream: Any, content: Content, rng: Generator) -> Any:
    """Restore the size of a downscaled clip."""
    flags = "bilinear" if rng.random() < 0.5 else "bicubic"
    return stream.filter("scale", content.width, content.height, flags=flags)


def _sharpen(stream: Any, _: Content, strength: float, rng: Generator) -> Any:
    """Unsharp masking, with halos."""
    size = int(rng.choice([5, 7]))
    return stream.filter("unsharp", size, size, round(0.3 + 3 * strength, 3), size, size, 0)


def _freeze(stream: Any, content: Content, strength: float, rng: Generator) -> Any:
    """One freeze, from 5 % to 95 % of the clip."""
    length = _interpolate(0.05, 0.95, strength) * content.seconds
    start = (content.seconds - length) * rng.uniform(0, 0.9) + 1.5 / content.fps
    without_stop = stream.filter("select", f"not(between(t,{start:.4f},{start + length:.4f}))")
    return _hold_frames(without_stop, content)


def _stutter(stream: Any, content: Content, strength: float, _: Generator) -> Any:
    """A low frame rate: each frame is repeated, up to nine times."""
    repeats = _interpolate(1.2, 10, strength)
    return _hold_frames(stream.filter("fps", round(content.fps / repeats, 4)), content)


def _judder(stream: Any, content: Content, strength: float, rng: Generator) -> Any:
    """Single lost frames at random: the frame before is repeated; up to 85 % of all frames."""
    lost, seed = _interpolate(0.1, 0.85, strength), int(rng.integers(1, 10_000))
    # ld() keeps the state of the random numbers, which starts at the seed.
    chance = f"if(eq(n,0),st(0,{seed}),0)*0+gte(random(0),{lost:.4f})"
    return _hold_frames(stream.filter("select", f"eq(n,0)+{chance}"), content)


def _drop_bursts(stream: Any, content: Content, strength: float, rng: Generator) -> Any:
    """Bursts of lost frames, two per clip or one per second: the last frame before is repeated."""
    period = content.seconds / max(2, round(content.seconds))
    lost = _interpolate(0.05, 0.95, strength) * period
    start = (period - lost) * rng.uniform(0, 1)
    burst = f"between(mod(t,{period:.4f}),{start:.4f},{start + lost:.4f})"
    return _hold_frames(stream.filter("select", f"eq(n,0)+not({burst})"), content)


def _hold_frames(stream: Any, content: Content) -> Any:
    """Restore frame rate and length of the clip by repeating frames."""
    held = stream.filter("fps", content.fps)
    held = held.filter("tpad", stop_mode="clone", stop_duration=content.seconds)
    return held.filter("trim", duration=content.seconds)


def _posterise(stream: Any, _: Content, strength: float, __: Generator) -> Any:
    """Bands: from 32 down to 5 levels of brightness."""
    step = 219 / _interpolate(32, 5, strength)
    return stream.filter("lutyuv", y=f"16+round((val-16)/{step:.3f})*{step:.3f}")


def _pixelate(stream: Any, _: Content, strength: float, __: Generator) -> Any:
    """Blocks of 2 to 12 px with one value each."""
    side = round(_interpolate(2, 12, strength))
    return stream.filter("pixelize", side, side)


def _ghost(stream: Any, _: Content, strength: float, __: Generator) -> Any:
    """Each frame is averaged with up to nine frames before it."""
    return stream.filter("tmix", frames=round(_interpolate(2, 10, strength)))


def _x264(strength: float) -> dict[str, Any]:
    crf = round(_interpolate(29, 49, strength), 1)
    return {"vcodec": "libx264", "preset": "veryfast", "crf": crf}


def _x265(strength: float) -> dict[str, Any]:
    crf = round(_interpolate(29, 49, strength), 1)
    # With several threads, the bytes would depend on the machine.
    single_thread = "log-level=none:pools=none:frame-threads=1:wpp=0"
    return {"vcodec": "libx265", "preset": "ultrafast", "crf": crf, "x265-params": single_thread}


def _vp9(strength: float) -> dict[str, Any]:
    crf = round(_interpolate(46, 63, strength))
    fastest = {"deadline": "realtime", "cpu-used": 8}
    return {"vcodec": "libvpx-vp9", "b:v": 0, "crf": crf, **fastest}


def _mjpeg(strength: float) -> dict[str, Any]:
    return {"vcodec": "mjpeg", "q:v": round(6 * 10**strength), "qmax": 69}


def _mpeg4(strength: float) -> dict[str, Any]:
    return {"vcodec": "mpeg4", "q:v": round(_interpolate(5, 31, strength))}


def light_encoding(rng: Generator) -> dict[str, Any]:
    """Options of x264 that hardly change a clip: how it is delivered."""
    return {"vcodec": "libx264", "preset": "veryfast", "crf": int(rng.integers(16, 22))}


def _interpolate(low: float, high: float, strength: float) -> float:
    return low + (high - low) * strength


# In the order in which they occur between scene and viewer.
FILTERS: dict[str, Filter] = {
    "contrast": _contrast,
    "exposure": _exposure,
    "colour": _colour,
    "ghost": _ghost,
    "blur": _blur,
    "noise": _noise,
    "posterise": _posterise,
    "downscale": _downscale,
    "pixelate": _pixelate,
    "sharpen": _sharpen,
    "freeze": _freeze,
    "stutter": _stutter,
    "judder": _judder,
    "drop": _drop_bursts,
}
ENCODERS: dict[str, Callable[[float], dict[str, Any]]] = {
    "x264": _x264,
    "x265": _x265,
    "vp9": _vp9,
    "mjpeg": _mjpeg,
    "mpeg4": _mpeg4,
}
# How much of the quality each takes at full strength.
SEVERITY: dict[str, float] = {
    "contrast": 0.35,
    "exposure": 0.5,
    "colour": 0.2,
    "ghost": 0.8,
    "blur": 1.0,
    "noise": 0.8,
    "posterise": 0.8,
    "downscale": 0.9,
    "pixelate": 1.0,
    "sharpen": 0.35,
    "freeze": 0.8,
    "stutter": 0.8,
    "judder": 0.7,
    "drop": 0.8,
    "x264": 1.0,
    "x265": 1.0,
    "vp9": 0.6,
    "mjpeg": 0.9,
    "mpeg4": 1.0,
}
