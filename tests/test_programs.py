"""External programs that must be new enough."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.programs import NEEDED, program_or_skip, why_absent

from vqathinker.programs import UnusableError, require_program

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
    ],
)
@pytest.mark.parametrize("stream", [1, 2])
def test_a_program_must_be_new_enough(program, line, version, stream):
    path = str(program(line, stream))
    for oldest in (version, version[:2], (version[0] - 1, 99)):
        assert require_program("git", oldest) == path
    for oldest in ((*version, 1), (version[0] + 1,)):
        with pytest.raises(UnusableError, match=r"\.".join(map(str, version))):
            require_program("git", oldest)


@pytest.mark.parametrize("line", ["", "ffmpeg version N-121000-g0123456789"])
def test_a_program_without_a_version_is_new_enough(program, line):
    path = str(program(line))
    assert require_program("git", (9, 9)) == path


def test_an_absent_program_is_named_and_skips_a_test(program):
    with pytest.raises(UnusableError, match="git"):
        require_program("git", ())
    for name, (_, package) in NEEDED.items():
        with pytest.raises(pytest.skip.Exception, match=package):
            program_or_skip(name)
    program("git version 2.39.5")
    assert why_absent("git") is None
