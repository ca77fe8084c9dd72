"""One pinned ffmpeg makes videos, whatever is installed; another one has to be named."""

import os
import sys
from importlib.metadata import version
from pathlib import Path

import imageio_ffmpeg
import pytest

from vqathinker.errors import InputError
from vqathinker.video.ffmpeg import describe_ffmpeg, ffmpeg_binary, other_ffmpeg

SHIPPED = Path(imageio_ffmpeg.__file__).parent / "binaries"


@pytest.fixture(autouse=True)
def nothing_remembered():
    for function in (ffmpeg_binary, other_ffmpeg):
        function.cache_clear()
    yield
    for function in (ffmpeg_binary, other_ffmpeg):
        function.cache_clear()


def program(folder: Path, version: str) -> Path:
    """A program that says that it is ffmpeg of this version."""
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\necho ffmpeg version {version} Copyright\n")
    path.chmod(0o755)
    return path


def test_neither_the_path_nor_a_variable_changes_the_program(tmp_path, monkeypatch):
    decoy = program(tmp_path, "7.1")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(decoy))
    assert Path(ffmpeg_binary()).parent == SHIPPED
    assert describe_ffmpeg(None)["from"] == f"imageio-ffmpeg {version('imageio-ffmpeg')}"
    assert other_ffmpeg("ffmpeg") == str(decoy)
    assert describe_ffmpeg("ffmpeg") == {"version": "7.1", "from": str(decoy)}


def test_nothing_is_taken_in_place_of_a_pinned_program_that_is_absent(tmp_path, monkeypatch):
    (tmp_path / "binaries").mkdir()
    monkeypatch.setattr(imageio_ffmpeg, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(FileNotFoundError, match=r"data\.demo\.ffmpeg"):
        ffmpeg_binary()
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ModuleNotFoundError, match="imageio_ffmpeg"):
        ffmpeg_binary()


def test_a_program_that_is_too_old_or_absent_is_refused(tmp_path):
    for named in (str(program(tmp_path, "5.1.9-0+deb12u1")), "no-such-ffmpeg"):
        with pytest.raises(InputError, match=r"data\.demo\.ffmpeg") as error:
            other_ffmpeg(named)
        assert named in str(error.value)
