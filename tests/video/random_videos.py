"""Small random videos with many formats and peculiarities, each determined by a number."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vqathinker.video.ffmpeg import ffmpeg_binary

X264 = ("-c:v", "libx264", "-preset", "veryfast")
X265 = ("-c:v", "libx265", "-preset", "ultrafast")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "good", "-cpu-used", "5")
# Encoder options, and suffixes of possible containers.
ENCODERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "h264": (X264, ("mp4", "mov", "mkv", "avi", "ts", "flv", "mpg", "h264", "nut")),
    "hevc": (X265, ("mp4", "mov", "mkv", "ts", "hevc")),
    "vp8": (("-c:v", "libvpx", "-deadline", "good", "-cpu-used", "5"), ("webm", "mkv", "avi")),
    "vp9": (VP9, ("webm", "mp4", "mkv", "ivf")),
    "av1": (("-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "lp=1"), ("mp4", "mkv")),
    "mpeg4": (("-c:v", "mpeg4"), ("mp4", "avi", "mkv", "mov", "m4v")),
    "mpeg2": (("-c:v", "mpeg2video"), ("mpg", "ts", "mkv", "mxf")),
    "mpeg1": (("-c:v", "mpeg1video"), ("mpg", "avi")),
    "mjpeg": (("-c:v", "mjpeg", "-strict", "unofficial"), ("avi", "mov", "mkv")),
    "ffv1": (("-c:v", "ffv1"), ("mkv", "avi")),
    "prores": (("-c:v", "prores_ks"), ("mov",)),
    "wmv2": (("-c:v", "wmv2"), ("wmv", "avi")),
    "flv1": (("-c:v", "flv"), ("flv",)),
    "theora": (("-c:v", "libtheora"), ("ogv",)),
    "gif": (("-c:v", "gif"), ("gif",)),
    "raw": (("-c:v", "rawvideo"), ("y4m", "avi", "nut")),
}  # fmt: skip
PIXELS = {"h264": ("yuv420p", "yuvj420p", "yuv444p", "yuv420p10le"),
          "hevc": ("yuv420p", "yuv420p10le"), "mjpeg": ("yuvj420p",),
          "prores": ("yuv422p10le",), "gif": ("rgb8",)}  # fmt: skip
# The rates that MPEG-1 and MPEG-2 support.
RATES = ("24", "25", "30000/1001", "30", "50")
MORE_RATES = ("7", "12.5", "15", "24000/1001", "60", "120")
HAVE_B_FRAMES = {"h264", "hevc", "mpeg4", "mpeg2", "mpeg1"}
REMUXED = {"mp4", "mov", "mkv", "webm", "ts", "avi", "flv"}
MPEG = {"mpeg1", "mpeg2"}


@dataclass(frozen=True)
class Recipe:
    """How to encode one video."""

    picture: str
    encode: tuple[str, ...]  # output options of the first ffmpeg call
    container: str
    has_sound: bool  # a second stream, which starts earlier
    before_copy: tuple[str, ...]  # options of a second call, which remuxes
    after_copy: tuple[str, ...]
    copies: int  # the file is concatenated this many times


def draw_recipe(number: int) -> Recipe:
    """Draw the recipe with this number; it is the same on every machine."""
    dice = _Dice(np.random.default_rng(number))
    codec = dice.one_of((*ENCODERS, *4 * ("h264", "hevc")))
    encoder, containers = ENCODERS[codec]
    container = dice.one_of(containers)
    rates = RATES if codec in MPEG or container == "mxf" else RATES + MORE_RATES
    rate = dice.one_of(rates)
    width, height = 16 * dice.number(4, 8), 16 * dice.number(4, 8)
    if codec not in MPEG | {"theora", "mjpeg"} and dice.happens(0.5):
        width, height = width - 2, height - 6
    frames = dice.number(1, 60)
    encode = [*encoder, "-pix_fmt", dice.one_of(PIXELS.get(codec, ("yuv420p",)))]
    encode += ["-frames:v", str(frames), "-g", str(dice.number(1, 30))]
    encode += _encoder_options(codec, container, height, dice)
    encode += _times(container, dice)
    before_copy, after_copy = _cut(codec, container, frames, dice)
    return Recipe(
        picture=f"testsrc2=size={width}x{height}:rate={rate}",
        encode=tuple(encode),
        container=container,
        has_sound=container in {"mp4", "mov", "mkv", "ts", "avi"} and dice.happens(0.25),
        before_copy=(*before_copy, *_orientation(container, dice)),
        after_copy=after_copy,
        # After a cut through an open group, frames at the splice are damaged in all players.
        copies=2 if container in {"ts", "mpg"} and not before_copy and dice.happens(0.4) else 1,
    )


@dataclass(frozen=True)
class _Dice:
    generator: np.random.Generator

    def one_of(self, options: tuple[str, ...]) -> str:
        return options[self.number(0, len(options))]

    def number(self, low: int, high: int) -> int:
        """Integer in low..high-1."""
        return int(self.generator.integers(low, high))

    def happens(self, share: float) -> bool:
        return bool(self.generator.random() < share)


def _encoder_options(codec: str, container: str, height: int, dice: _Dice) -> list[str]:
    options = []
    if codec in HAVE_B_FRAMES and container != "m4v":
        options += ["-bf", str(dice.number(0, 4))]
    if codec == "h264":
        open_gop, pyramid = dice.number(0, 2), dice.one_of(("none", "strict", "normal"))
        options += ["-x264-params", f"open-gop={open_gop}:b-pyramid={pyramid}"]
        options += ["-flags", "+ilme+ildct"] if height % 4 == 0 and dice.happens(0.3) else []
    if codec == "hevc":
        options += ["-x265-params", f"log-level=none:open-gop={dice.number(0, 2)}"]
    if codec in {"vp8", "vp9"}:  # frames that are references only
        options += ["-auto-alt-ref", "1", "-lag-in-frames", "12", "-b:v", "200k"]
    if container in {"mp4", "mov"}:
        flags = ("+faststart", "+frag_keyframe+empty_moov", "+negative_cts_offsets")
        options += ["-movflags", dice.one_of(flags)]
    return options


def _times(container: str, dice: _Dice) -> list[str]:
    """Options that drop frames or start the clock late."""
    filters, options = [], []
    if container not in {"gif", "y4m", "h264", "hevc", "m4v", "mxf", "mpg"} and dice.happens(0.3):
        every, first = dice.number(2, 5), dice.number(0, 20)
        filters.append(f"select='not(mod(n,{every}))+lt(n,{first})'")
        options += ["-fps_mode", "passthrough"]
    if container in {"mp4", "mov", "mkv", "webm", "ts"} and dice.happens(0.3):
        filters.append(f"setpts=PTS+{dice.number(0, 20_000) / 1000}/TB")
    return [*options, "-vf", ",".join(filters)] if filters else options


def _cut(
    codec: str, container: str, frames: int, dice: _Dice
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Options of a remux that cuts the start or end."""
    if container not in REMUXED or not dice.happens(0.4):
        return (), ()
    at = dice.number(0, 1 + 1000 * frames // 60) / 1000
    if codec == "theora" or dice.happens(0.5):
        return ("-ss", str(at)), ()
    return (), ("-t", str(at + 0.3))


def _orientation(container: str, dice: _Dice) -> tuple[str, ...]:
    if container not in {"mp4", "mov", "mkv"} or not dice.happens(0.4):
        return ()
    turn = ["-display_rotation", dice.one_of(("0", "90", "180", "270"))]
    turn += ["-display_hflip"] if dice.happens(0.3) else []
    turn += ["-display_vflip"] if dice.happens(0.3) else []
    return tuple(turn)


def make_video(recipe: Recipe, folder: Path) -> Path:
    """Encode the video in an empty folder."""
    path, cut = folder / f"video.{recipe.container}", folder / f"copy.{recipe.container}"
    inputs = ["-f", "lavfi", "-i", recipe.picture]
    sound = ["-f", "lavfi", "-i", "sine=duration=1", "-c:a", "mp2"] if recipe.has_sound else []
    _ffmpeg(*inputs, *sound, *recipe.encode, str(path))
    if recipe.before_copy or recipe.after_copy:
        copy = ("-map", "0", "-c", "copy", *recipe.after_copy)
        _ffmpeg(*recipe.before_copy, "-i", str(path), *copy, str(cut))
        path = cut
    content = path.read_bytes()
    path.write_bytes(content * recipe.copies)
    return path


def _ffmpeg(*arguments: str) -> None:
    command = [ffmpeg_binary(), "-loglevel", "error", "-nostdin", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
