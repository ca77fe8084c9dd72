"""External programs are looked up in one place, which knows the oldest version that works."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.programs import NEEDED, program_or_skip, why_absent

from vqathinker.programs import UnusableError, find_program, require_program

Program = Callable[[str], Path]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """program(line) is the only program on the PATH, `git`, with that line as its version."""

    def make(line: str, stream: int = 1) -> Path:
        path = tmp_path / "git"
        path.write_text(f"#!/bin/sh\necho '{line}' >&{stream}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    monkeypatch.setenv("PATH", str(tmp_path))
    return make


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("git version 2.39.5", (2, 39, 5)),
        ("ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers", (5, 1, 9)),
        ("ffmpeg version n9.0.2-17-g2a571b6068-20260930 Copyright (c) 2000-2026", (9, 0, 2)),
        ("Chromium 156.0.8078.114 built on Debian GNU/Linux 12 (bookworm)", (156, 0, 8078, 114)),
        ("slurm 22.05.8", (22, 5, 8)),
        ("unshare from util-linux 2.38.1", (2, 38, 1)),
    ],
)
def test_a_program_must_be_as_new_as_is_asked(program, line, version):
    path = str(program(line))
    for oldest in (version, version[:2], (version[0] - 1, 99)):
        assert require_program("git", oldest) == path
    for oldest in ((*version, 1), (*version[:-1], version[-1] + 1), (version[0] + 1,)):
        with pytest.raises(UnusableError) as error:
            require_program("git", oldest)
        assert ".".join(map(str, version)) in str(error.value)
        assert ".".join(map(str, oldest)) in str(error.value)


@pytest.mark.parametrize("line", ["", "git of today", "ffmpeg version N-121000-g0123456789"])
def test_a_program_without_a_version_is_new_enough(program, line):
    path = str(program(line))
    assert require_program("git", (9, 9)) == path


def test_a_version_may_be_reported_on_the_other_stream(program):
    program("ffmpeg version 5.1.9", stream=2)
    with pytest.raises(UnusableError):
        require_program("git", (6, 0))


def test_an_absent_program_is_none_or_an_error_that_names_it(program):
    assert find_program("git") is None
    with pytest.raises(UnusableError, match="git"):
        require_program("git", ())
    program("git version 2.39.5")
    assert find_program("git") == require_program("git", ())


def test_a_program_has_to_be_listed():
    with pytest.raises(ValueError, match="'xyz'"):
        find_program("xyz")


def test_a_test_is_skipped_for_the_program_it_lacks_and_says_what_to_install(program):
    for name, (_, package) in NEEDED.items():
        if name != "git":
            with pytest.raises(pytest.skip.Exception, match=package) as skipped:
                program_or_skip(name)
            assert name in str(skipped.value)
    assert "git" in why_absent("git")
    program("git version 2.20")
    assert "2.28" in why_absent("git")
    program("git version 2.39.5")
    assert why_absent("git") is None
