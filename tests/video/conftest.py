"""Real little video files, made by ffmpeg once for all tests of this folder."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vqathinker.video.ffmpeg import ffmpeg_binary
from vqathinker.video.workers import preload_modules

MakeClip = Callable[..., Path]
Patch = Callable[..., Path]

# Children of every test start from a server that has imported torch once.
preload_modules("vqathinker.video.shard", "vqathinker.video.decode")

# A moving test picture: 96x64 pixels, 20 frames a second, 2 s, so 40 frames.
PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=20:duration=2")
CODECS = {
    "h264": ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
    "hevc": ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-x265-params",
             "log-level=none"),
    "vp9": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuv420p"),
    "av1": ("-c:v", "libsvtav1", "-preset", "12", "-pix_fmt", "yuv420p", "-svtav1-params",
            "lp=1"),
    "mpeg4": ("-c:v", "mpeg4", "-pix_fmt", "yuv420p"),
    "xvid": ("-c:v", "libxvid", "-pix_fmt", "yuv420p"),
    "mjpeg": ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"),
    "vp8": ("-c:v", "libvpx", "-deadline", "good", "-cpu-used", "4", "-pix_fmt", "yuv420p"),
    "mpeg2": ("-c:v", "mpeg2video", "-pix_fmt", "yuv420p"),
    "wmv": ("-c:v", "wmv2", "-pix_fmt", "yuv420p"),
    "dv": ("-c:v", "dvvideo", "-pix_fmt", "yuv420p"),
    "gif": ("-c:v", "gif"),
    "raw": ("-c:v", "rawvideo", "-pix_fmt", "yuv420p"),
    "copy": ("-c", "copy"),
}  # fmt: skip


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> MakeClip:
    """make_clip(name, codec, *more output options, inputs=...) encodes a file and returns it."""
    folder = tmp_path_factory.mktemp("clips")

    def make(name: str, codec: str, *output: str, inputs: tuple[str, ...] = PICTURE) -> Path:
        path = folder / name
        quiet = ("-hide_banner", "-loglevel", "error", "-nostdin", "-n")
        command = [ffmpeg_binary(), *quiet, *inputs, *CODECS[codec], *output, str(path)]
        subprocess.run(command, check=True, capture_output=True)
        return path

    return make


@pytest.fixture(scope="session")
def mp4(make_clip: MakeClip) -> Path:
    return make_clip("plain.mp4", "h264")


@pytest.fixture(scope="session")
def index_first(make_clip: MakeClip, mp4: Path) -> Path:
    """The same with its index (moov) before the pictures: a cut leaves the header whole."""
    return make_clip("index.mp4", "copy", "-movflags", "+faststart", inputs=("-i", str(mp4)))


@pytest.fixture(scope="session")
def webm(make_clip: MakeClip) -> Path:
    return make_clip("vp9.webm", "vp9")


@pytest.fixture(scope="session")
def mkv(make_clip: MakeClip) -> Path:
    return make_clip("hevc.mkv", "hevc")


@pytest.fixture(scope="session")
def portrait(make_clip: MakeClip, mp4: Path) -> Path:
    """Stored lying, shown upright: a display matrix turns it by 90 degrees."""
    return make_clip("portrait.mp4", "copy", inputs=("-display_rotation", "90", "-i", str(mp4)))


@pytest.fixture(scope="session")
def upside_down(make_clip: MakeClip, mp4: Path) -> Path:
    return make_clip("upside.mp4", "copy", inputs=("-display_rotation", "180", "-i", str(mp4)))


@pytest.fixture(scope="session")
def three_frames(make_clip: MakeClip) -> Path:
    return make_clip("three.mp4", "h264", "-frames:v", "3")


@pytest.fixture(scope="session")
def edited(make_clip: MakeClip, mp4: Path) -> Path:
    """Cut without encoding anew: an edit list hides the 14 frames before 0.7 s."""
    return make_clip("edited.mp4", "copy", inputs=("-ss", "0.7", "-i", str(mp4)))


@pytest.fixture(scope="session")
def variable_rate(make_clip: MakeClip) -> Path:
    """The first 10 frames, then every sixth: 15 frames of changing length."""
    return make_clip("variable.mp4", "h264", "-vf", "select='lt(n,10)+not(mod(n,6))'",
                     "-fps_mode", "vfr")  # fmt: skip


@pytest.fixture(scope="session")
def groups(make_clip: MakeClip) -> Path:
    """Open groups of 8 pictures; some of the B pictures are referred to, some are not."""
    return make_clip("groups.mp4", "h264", "-preset", "medium", "-g", "8", "-bf", "3",
                     "-x264-params", "open-gop=1:b-pyramid=normal:scenecut=0")  # fmt: skip


@pytest.fixture(scope="session")
def closed_groups(make_clip: MakeClip) -> Path:
    return make_clip("closed.mp4", "h264", "-preset", "medium", "-g", "8", "-bf", "3",
                     "-x264-params", "b-pyramid=normal:scenecut=0")  # fmt: skip


@pytest.fixture(scope="session")
def turned_groups(make_clip: MakeClip, groups: Path) -> Path:
    return make_clip("turned.mp4", "copy", inputs=("-display_rotation", "90", "-i", str(groups)))


@pytest.fixture(scope="session")
def ten_bit(make_clip: MakeClip) -> Path:
    return make_clip("ten.mp4", "hevc", "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1")


@pytest.fixture(scope="session")
def full_range(make_clip: MakeClip) -> Path:
    return make_clip("full.mp4", "h264", "-pix_fmt", "yuvj420p", "-colorspace", "bt709")


@pytest.fixture(scope="session")
def vp9_in_mp4(make_clip: MakeClip) -> Path:
    return make_clip("vp9.mp4", "vp9")


@pytest.fixture(scope="session")
def av1_in_mp4(make_clip: MakeClip) -> Path:
    return make_clip("av1.mp4", "av1")


@pytest.fixture(scope="session")
def avi(make_clip: MakeClip) -> Path:
    """MPEG-4 with packets that have no presentation times."""
    return make_clip("mpeg4.avi", "mpeg4", "-bf", "2")


@pytest.fixture(scope="session")
def transport(make_clip: MakeClip) -> Path:
    return make_clip("h264.ts", "h264", "-g", "10")


@pytest.fixture(scope="session")
def huge(make_clip: MakeClip) -> Path:
    """One frame of more pixels than are decoded."""
    black = ("-f", "lavfi", "-i", "color=size=9000x9000:rate=1")
    return make_clip("huge.mov", "mjpeg", "-frames:v", "1", inputs=black)


@pytest.fixture(scope="session")
def audio_only(make_clip: MakeClip) -> Path:
    tone = ("-f", "lavfi", "-i", "sine=duration=1")
    return make_clip("sound.mp4", "copy", "-c:a", "aac", inputs=tone)


@pytest.fixture
def patched(tmp_path: Path) -> Patch:
    """patched(path, name, at, content) is a copy of the file with other bytes from `at` on."""

    def patch(path: Path, name: str, at: int, content: bytes) -> Path:
        data = bytearray(path.read_bytes())
        data[at : at + len(content)] = content
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return patch


@pytest.fixture(scope="session")
def overwritten(index_first: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole header and the right size, but the last pictures are rubbish."""
    data = index_first.read_bytes()
    kept = len(data) * 6 // 10
    path = tmp_path_factory.mktemp("overwritten") / "overwritten.mp4"
    path.write_bytes(data[:kept] + b"A" * (len(data) - kept))
    return path


@pytest.fixture
def cut(tmp_path: Path) -> Callable[[Path], Path]:
    """cut(path) is a copy of the first half of the file."""

    def half(path: Path) -> Path:
        data = path.read_bytes()
        (tmp_path / f"cut_{path.name}").write_bytes(data[: len(data) // 2])
        return tmp_path / f"cut_{path.name}"

    return half
