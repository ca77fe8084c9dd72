"""ffmpeg is the system's, else the one a package ships, else the error says what to install."""

import subprocess
import sys

import pytest

from vqathinker.video.ffmpeg import ffmpeg_binary


@pytest.fixture(autouse=True)
def fresh():
    ffmpeg_binary.cache_clear()
    yield
    ffmpeg_binary.cache_clear()


def test_the_system_s_ffmpeg_comes_first(tmp_path, monkeypatch):
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ffmpeg_binary() == str(program)


def test_without_one_a_package_s_binary_runs_and_has_the_demo_s_encoders(monkeypatch):
    monkeypatch.setenv("PATH", "")
    command = [ffmpeg_binary(), "-hide_banner", "-encoders"]
    encoders = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert all(name in encoders for name in ("libx264", "libx265", "libvpx-vp9"))


def test_with_neither_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(FileNotFoundError, match="pip install imageio-ffmpeg"):
        ffmpeg_binary()
