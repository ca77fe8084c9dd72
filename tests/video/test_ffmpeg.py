"""One pinned ffmpeg makes videos, whatever is installed; another one is named, and checked."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import imageio_ffmpeg
import pytest

from vqathinker.datasets.made.contents import Content, pristine_stream
from vqathinker.datasets.made.degradations import DEGRADATIONS
from vqathinker.errors import InputError
from vqathinker.video.ffmpeg import describe_ffmpeg, ffmpeg_binary, other_ffmpeg

Program = Callable[..., Path]
SHIPPED = Path(imageio_ffmpeg.__file__).parent / "binaries"


@pytest.fixture(autouse=True)
def nothing_remembered():
    for function in (ffmpeg_binary, other_ffmpeg):
        function.cache_clear()
    yield
    for function in (ffmpeg_binary, other_ffmpeg):
        function.cache_clear()


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """program(version, lacks=…) is the pinned ffmpeg with another version and less in its lists."""

    def make(version: str, lacks: str = "nothing", name: str = "ffmpeg") -> Path:
        path = tmp_path / name
        path.write_text(
            f'#!/bin/sh\n"{ffmpeg_binary()}" "$@" 2>&1 | grep -v " {lacks} "'
            f' | sed "s/version n[^ ]*/version {version}/"\n'
        )
        path.chmod(0o755)
        return path

    return make


def test_neither_the_path_nor_a_variable_changes_the_program(program, tmp_path, monkeypatch):
    decoy = program("5.1.9")
    ffmpeg_binary.cache_clear()
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(decoy))
    assert Path(ffmpeg_binary()).parent == SHIPPED
    assert describe_ffmpeg(None)["from"] == f"imageio-ffmpeg {version('imageio-ffmpeg')}"


def test_nothing_is_taken_in_place_of_a_pinned_program_that_is_absent(tmp_path, monkeypatch):
    (tmp_path / "binaries").mkdir()
    monkeypatch.setattr(imageio_ffmpeg, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(FileNotFoundError, match=r"data\.demo\.ffmpeg"):
        ffmpeg_binary()
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ModuleNotFoundError, match="imageio_ffmpeg"):
        ffmpeg_binary()


def test_another_program_is_taken_by_its_path_or_its_name(program, tmp_path, monkeypatch):
    path = program("7.1-own", name="ffmpeg-7")
    assert other_ffmpeg(str(path)) == str(path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    other_ffmpeg.cache_clear()
    assert other_ffmpeg("ffmpeg-7") == str(path)
    assert describe_ffmpeg("ffmpeg-7") == {"version": "7.1-own", "from": str(path)}


@pytest.mark.parametrize(
    "version", ["6.0", "n10.0", "N-121000-g0123456789", "2027-01-01-git-01234"]
)
def test_versions_from_6_on_and_builds_without_one_are_taken(program, version):
    assert other_ffmpeg(str(program(version)))


@pytest.mark.parametrize(
    ("version", "lacks", "named"),
    [
        ("5.1.9-0+deb12u1", "nothing", "5.1.9"),
        ("n4.4", "nothing", "4.4"),
        ("7.1", "libx265", "libx265"),
        ("7.1", "libvpx-vp9", "libvpx-vp9"),
        ("7.1", "tpad", "tpad"),
        ("N-121000-g0123456789", "mandelbrot", "mandelbrot"),
    ],
)
def test_a_program_that_cannot_make_the_videos_is_refused(program, version, lacks, named):
    path = program(version, lacks)
    with pytest.raises(InputError) as error:
        other_ffmpeg(str(path))
    for part in ("data.demo.ffmpeg", str(path), named):
        assert part in str(error.value)


@pytest.mark.parametrize("name", ["nowhere/ffmpeg", "no-such-ffmpeg", "."])
def test_a_path_that_is_no_program_is_refused(name):
    with pytest.raises(InputError, match=r"data\.demo\.ffmpeg") as error:
        other_ffmpeg(name)
    assert name in str(error.value)


def test_all_that_the_demo_asks_for_is_required(program):
    """A build that lacks one encoder or filter of any degradation or content is refused."""
    used = set()
    for source in ("camera.png", "testsrc", "testsrc2", "mandelbrot", "sierpinski", "life"):
        for seed in range(8):  # some are mirrored, some turned over
            content = Content("c", source, 64, 64, 10, 1.0, seed)
            for make in DEGRADATIONS.values():
                stream, codec = make(pristine_stream(content), content, 0.5)
                used.add(codec["vcodec"])
                used |= filters_of(stream)
    used.add("split")  # of a content, for its versions
    for name in sorted(used):
        other_ffmpeg.cache_clear()
        with pytest.raises(InputError, match=f" {name}[;,]"):
            other_ffmpeg(str(program("7.1", lacks=name)))


def filters_of(stream) -> set[str]:
    """Names of the filters behind a stream of ffmpeg-python, and of its generator."""
    node, names = stream.node, set()
    while node.incoming_edges:
        names.add(node.name)
        (edge,) = node.incoming_edges
        node = edge.upstream_node
    filename = node.kwargs["filename"]
    return names if "/" in filename else names | {filename.partition("=")[0]}


def test_the_pinned_program_makes_the_demo_and_the_tests(tmp_path):
    command = [ffmpeg_binary(), "-hide_banner", "-encoders"]
    encoders = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for name in ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "libxvid", "mpeg4"):
        assert f" {name} " in encoders
    assert other_ffmpeg(ffmpeg_binary())
