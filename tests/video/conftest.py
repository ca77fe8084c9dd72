"""Small video files, encoded by ffmpeg once per session."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vqathinker.video.ffmpeg import ffmpeg_binary
from vqathinker.video.workers import preload_modules

MakeClip = Callable[..., Path]
Patch = Callable[..., Path]

# Workers of all tests are forked from a server that has imported torch once.
preload_modules("vqathinker.video.shard", "vqathinker.video.decode")

# A moving test pattern: 96x64 pixels, 20 frames/s, 2 s, 40 frames.
PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=20:duration=2")
CODECS = {
    "h264": "-c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    "hevc": "-c:v libx265 -preset ultrafast -pix_fmt yuv420p -x265-params log-level=none",
    "vp9": "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p",
    "av1": "-c:v libsvtav1 -preset 12 -pix_fmt yuv420p -svtav1-params lp=1",
    "mpeg4": "-c:v mpeg4 -pix_fmt yuv420p",
    "xvid": "-c:v libxvid -pix_fmt yuv420p",
    "mjpeg": "-c:v mjpeg -pix_fmt yuvj420p",
    "vp8": "-c:v libvpx -deadline good -cpu-used 4 -pix_fmt yuv420p",
    "mpeg2": "-c:v mpeg2video -pix_fmt yuv420p",
    "wmv": "-c:v wmv2 -pix_fmt yuv420p",
    "dv": "-c:v dvvideo -pix_fmt yuv420p",
    "gif": "-c:v gif",
    "raw": "-c:v rawvideo -pix_fmt yuv420p",
    "copy": "-c copy",
}


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> MakeClip:
    """make_clip(name, codec, *output options, inputs=...) encodes a file and returns its path."""
    folder = tmp_path_factory.mktemp("clips")

    def make(name: str, codec: str, *output: str, inputs: tuple[str, ...] = PICTURE) -> Path:
        path = folder / name
        quiet = ("-hide_banner", "-loglevel", "error", "-nostdin", "-n")
        command = [ffmpeg_binary(), *quiet, *inputs, *CODECS[codec].split(), *output, str(path)]
        subprocess.run(command, check=True, capture_output=True)
        return path

    return make


def encoded(name: str, codec: str, *output: str, inputs: tuple[str, ...] = PICTURE):
    """Define a fixture: an encoded file."""
    return pytest.fixture(scope="session")(
        lambda make_clip: make_clip(name, codec, *output, inputs=inputs)
    )


def copied(name: str, source: str, *options: str, output: tuple[str, ...] = ()):
    """Define a fixture: a remuxed copy of the file of another fixture."""

    @pytest.fixture(scope="session")
    def copy(make_clip: MakeClip, request: pytest.FixtureRequest) -> Path:
        inputs = (*options, "-i", str(request.getfixturevalue(source)))
        return make_clip(name, "copy", *output, inputs=inputs)

    return copy


mp4 = encoded("plain.mp4", "h264")
webm = encoded("vp9.webm", "vp9")
mkv = encoded("hevc.mkv", "hevc")
avi = encoded("mpeg4.avi", "mpeg4", "-bf", "2")  # packets without presentation times
transport = encoded("h264.ts", "h264", "-g", "10")
vp9_in_mp4 = encoded("vp9.mp4", "vp9")
av1_in_mp4 = encoded("av1.mp4", "av1")
ten_bit = encoded("ten.mp4", "hevc", "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1")
full_range = encoded("full.mp4", "h264", "-pix_fmt", "yuvj420p", "-colorspace", "bt709")
three_frames = encoded("three.mp4", "h264", "-frames:v", "3")
# The first 10 frames, then every sixth: 15 frames of varying duration.
SOME = "select='lt(n,10)+not(mod(n,6))'"
variable_rate = encoded("variable.mp4", "h264", "-vf", SOME, "-fps_mode", "vfr")
# Open or closed groups of 8 frames; only some of the B-frames are references.
GROUPS = ("-preset", "medium", "-g", "8", "-bf", "3", "-x264-params")
groups = encoded("groups.mp4", "h264", *GROUPS, "open-gop=1:b-pyramid=normal:scenecut=0")
closed_groups = encoded("closed.mp4", "h264", *GROUPS, "b-pyramid=normal:scenecut=0")
# The index (moov) precedes the frames, so that truncation keeps the header intact.
index_first = copied("index.mp4", "mp4", output=("-movflags", "+faststart"))
# Stored in landscape, displayed in portrait, because of a display matrix.
portrait = copied("portrait.mp4", "mp4", "-display_rotation", "90")
upside_down = copied("upside.mp4", "mp4", "-display_rotation", "180")
turned_groups = copied("turned.mp4", "groups", "-display_rotation", "90")
# Cut without re-encoding: an edit list hides the 14 frames before 0.7 s.
edited = copied("edited.mp4", "mp4", "-ss", "0.7")
# One frame that exceeds the limit of pixels.
BLACK = ("-f", "lavfi", "-i", "color=size=9000x9000:rate=1")
huge = encoded("huge.mov", "mjpeg", "-frames:v", "1", inputs=BLACK)
TONE = ("-f", "lavfi", "-i", "sine=duration=1")
audio_only = encoded("sound.mp4", "copy", "-c:a", "aac", inputs=TONE)


@pytest.fixture
def patched(tmp_path: Path) -> Patch:
    """patched(path, name, at, content) writes a copy with `content` at offset `at`."""

    def patch(path: Path, name: str, at: int, content: bytes) -> Path:
        data = bytearray(path.read_bytes())
        data[at : at + len(content)] = content
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return patch


@pytest.fixture(scope="session")
def overwritten(index_first: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Intact header and size, but the last frames are overwritten."""
    data = index_first.read_bytes()
    kept = len(data) * 6 // 10
    path = tmp_path_factory.mktemp("overwritten") / "overwritten.mp4"
    path.write_bytes(data[:kept] + b"A" * (len(data) - kept))
    return path


@pytest.fixture
def cut(tmp_path: Path) -> Callable[[Path], Path]:
    """cut(path) writes a copy of the first half of the file."""

    def half(path: Path) -> Path:
        data = path.read_bytes()
        (tmp_path / f"cut_{path.name}").write_bytes(data[: len(data) // 2])
        return tmp_path / f"cut_{path.name}"

    return half
