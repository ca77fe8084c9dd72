"""Stand-in videos: a moving picture of a second or two, with a quirk that real sets have.

A name makes one another: its hue and its blur follow from it, so no two files of a set are equal.
"""

import os
import subprocess
import zlib
from pathlib import Path

from vqathinker.video.ffmpeg import ffmpeg_binary

__all__ = ["QUIRKS", "make_video"]

_X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-pix_fmt", "yuv420p"]
_VP9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "200k"]

# What stands before the input, size, frames per second, seconds, and the encoder's options.
QUIRKS: dict[str, tuple[str, int, float, list[str]]] = {
    "plain": ("320x180", 25, 1.6, _X264),
    "portrait": ("180x320", 30, 1.5, _X264),
    "portrait_turned": ("320x180", 30, 1.5, _X264),  # turned by metadata, afterwards
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


def make_video(path: Path, quirk: str) -> None:
    """Write one video; `broken` is a whole one without its second half, `private` is no video."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if quirk == "private":
        path.write_text("rater,mos\n1,3\n", encoding="utf-8")
        return
    size, fps, seconds, options = QUIRKS["plain" if quirk == "broken" else quirk]
    seed = zlib.crc32(path.name.encode())
    picture = f"testsrc2=size={size}:rate={fps}:duration={seconds:.4f},hue=h={seed % 360}"
    if "-vf" in options:  # ffmpeg takes one chain of filters for an output
        place = options.index("-vf")
        picture += f",{options[place + 1]}"
        options = options[:place] + options[place + 2 :]
    picture += f",gblur=sigma={seed // 360 % 40 / 10}"
    _ffmpeg("-f", "lavfi", "-i", picture, *options, "-threads", "1", "-y", str(path))
    if quirk == "portrait_turned":
        whole = path.with_name(f"whole-{path.name}")
        path.replace(whole)
        _ffmpeg("-display_rotation", "90", "-i", str(whole), "-c", "copy", "-y", str(path))
        whole.unlink()
    if quirk == "broken":
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])


def _ffmpeg(*arguments: str) -> None:
    quiet = os.environ | {"SVT_LOG": "0"}  # an encoder that talks past ffmpeg's own log
    subprocess.run([ffmpeg_binary(), "-v", "error", "-nostdin", *arguments], check=True, env=quiet)
