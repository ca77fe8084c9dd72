"""The pinned ffmpeg is used unless the parameters name another."""

import os
from importlib.metadata import version
from pathlib import Path

import imageio_ffmpeg
import pytest

from vqathinker.errors import InputError
from vqathinker.video.ffmpeg import configured_ffmpeg, describe_ffmpeg, ffmpeg_binary

SHIPPED = Path(imageio_ffmpeg.__file__).parent / "binaries"


@pytest.fixture(autouse=True)
def nothing_remembered():
    for function in (ffmpeg_binary, configured_ffmpeg):
        function.cache_clear()
    yield
    for function in (ffmpeg_binary, configured_ffmpeg):
        function.cache_clear()


def program(folder: Path, version: str) -> Path:
    """A fake ffmpeg that reports this version."""
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\necho ffmpeg version {version} Copyright\n")
    path.chmod(0o755)
    return path


def test_path_and_variables_do_not_change_program(tmp_path, monkeypatch):
    decoy = program(tmp_path, "7.1")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(decoy))
    assert Path(ffmpeg_binary()).parent == SHIPPED
    assert describe_ffmpeg(None)["from"] == f"imageio-ffmpeg {version('imageio-ffmpeg')}"
    assert configured_ffmpeg("ffmpeg") == str(decoy)
    assert describe_ffmpeg("ffmpeg") == {"version": "7.1", "from": str(decoy)}


def test_old_or_missing_program_is_rejected(tmp_path):
    for named in (str(program(tmp_path, "5.1.9-0+deb12u1")), "no-such-ffmpeg"):
        with pytest.raises(InputError, match=r"data\.demo\.ffmpeg") as error:
            configured_ffmpeg(named)
        assert named in str(error.value)
