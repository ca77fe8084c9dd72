"""Stand-in videos of one or two seconds, encoded or damaged like videos of the real data sets.

Hue and blur depend on the name, so that files with different names differ.
"""

import os
import subprocess
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.rehearsal.sets import StandIn

from vqathinker.video.ffmpeg import ffmpeg_binary

_X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-pix_fmt", "yuv420p"]
_VP9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "200k"]

# Size, frames per second, seconds, and options of the encoder.
ENCODINGS: dict[str, tuple[str, int, float, list[str]]] = {
    "plain": ("320x180", 25, 1.6, _X264),
    "portrait": ("180x320", 30, 1.5, _X264),
    "portrait_turned": ("320x180", 30, 1.5, _X264),  # rotated by metadata below
    "frames_31": ("320x180", 30, 31 / 30, _X264),
    "vfr": ("320x180", 30, 2, [*_X264, "-vf", "select=not(mod(n\\,3)*gt(n\\,20))",
            "-fps_mode", "vfr"]),
    "full_range": ("320x180", 25, 1.6, [*_X264, "-vf", "scale=out_range=full",
                   "-color_range", "pc"]),
    "b_frames": ("320x180", 25, 1.6, [*_X264[:2], "-preset", "veryfast", "-bf", "3"]),
    "hevc": ("320x180", 25, 1.2, ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
             "log-level=none", "-tag:v", "hvc1"]),
    "vp9": ("320x180", 60, 0.8, _VP9),
    "vp9_in_mp4": ("320x180", 25, 1.2, _VP9),
    "vp9_10bit": ("480x270", 60, 0.6, [*_VP9, "-pix_fmt", "yuv420p10le", "-profile:v", "2"]),
    "vp9_10bit_4k": ("3840x2160", 60, 0.25, [*_VP9, "-pix_fmt", "yuv420p10le", "-profile:v", "2"]),
    "av1": ("320x180", 25, 1.2, ["-c:v", "libsvtav1", "-preset", "12", "-crf", "50"]),
}  # fmt: skip


def make_video(video: StandIn) -> bytes:
    """Content of a video file; `broken` has only the first half, and `private` is a text file."""
    if video.kind == "private":
        return b"rater,mos\n1,3\n"
    name = Path(str(video.path)).name
    size, fps, seconds, options = ENCODINGS["plain" if video.kind == "broken" else video.kind]
    seed = zlib.crc32(name.encode())
    picture = f"testsrc2=size={size}:rate={fps}:duration={seconds:.4f},hue=h={seed % 360}"
    if "-vf" in options:  # an output has only one chain of filters
        place = options.index("-vf")
        picture += f",{options[place + 1]}"
        options = options[:place] + options[place + 2 :]
    picture += f",gblur=sigma={seed // 360 % 40 / 10}"
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        _ffmpeg("-f", "lavfi", "-i", picture, *options, "-threads", "1", str(path))
        if video.kind == "portrait_turned":
            whole = path.rename(path.with_name(f"whole-{name}"))
            _ffmpeg("-display_rotation", "90", "-i", str(whole), "-c", "copy", str(path))
        content = path.read_bytes()
    return content[: len(content) // 2] if video.kind == "broken" else content


def _ffmpeg(*arguments: str) -> None:
    quiet = os.environ | {"SVT_LOG": "0"}  # this encoder ignores ffmpeg's log level
    subprocess.run([ffmpeg_binary(), "-v", "error", "-nostdin", *arguments], check=True, env=quiet)
