"""Videos for the decoding benchmark, encoded like clips on the web."""

from pathlib import Path
from typing import Any

import ffmpeg

from vqathinker.video.ffmpeg import ffmpeg_binary

X264 = {"vcodec": "libx264", "pix_fmt": "yuv420p"}
# name: (size, container, encoder options). Bit rates are typical of the web; default presets.
VIDEOS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "1080p h264, groups of 250": ("1920x1080", "mp4", {**X264, "b:v": "5M", "g": 250}),
    "1080p h264, groups of 30": ("1920x1080", "mp4", {**X264, "b:v": "5M", "g": 30}),
    "540p h264": ("960x540", "mp4", {**X264, "b:v": "1.5M"}),
    "1080p hevc, 10 bits": (
        "1920x1080", "mp4",
        {"vcodec": "libx265", "pix_fmt": "yuv420p10le", "preset": "ultrafast", "b:v": "5M",
         "x265-params": "log-level=none"},
    ),
    "1080p vp9": (
        "1920x1080",
        "webm",
        {"vcodec": "libvpx-vp9", "pix_fmt": "yuv420p", "b:v": "5M", "deadline": "realtime",
         "cpu-used": 8},
    ),
    "720p h264, variable rate": ("1280x720", "mp4", {**X264, "b:v": "3M", "fps_mode": "vfr"}),
}  # fmt: skip


def encode_video(folder: Path, name: str, quick: bool) -> Path:
    """Encode eight seconds of a moving test pattern with slight noise, at 30 frames/s."""
    size, container, codec = VIDEOS[name]
    path = folder / f"{name.replace(' ', '_').replace(',', '')}.{container}"
    length, size = (1, "320x180") if quick else (8, size)
    stream = ffmpeg.input(f"testsrc2=size={size}:rate=30:duration={length}", f="lavfi")
    stream = stream.filter("noise", alls=6, allf="t")
    if "fps_mode" in codec:
        stream = stream.filter("select", "lt(n,120)+not(mod(n,3))")
    command = stream.output(str(path), **codec).global_args("-loglevel", "error", "-nostdin")
    command.run(cmd=ffmpeg_binary())
    return path
