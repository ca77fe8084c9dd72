"""Options of `vqathinker serve`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from vqathinker.cli import app
from vqathinker.cli.serve import read_password


def test_the_password_is_read_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VQATHINKER_PASSWORD", raising=False)
    assert read_password(None) is None
    monkeypatch.setenv("VQATHINKER_PASSWORD", "from environment")
    assert read_password(None) == "from environment"
    file = tmp_path / "password"
    file.write_text("secret words\n", encoding="utf-8")
    assert read_password(file) == "secret words"


def test_an_empty_password_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("\n")
    result = CliRunner().invoke(app, ["serve", "--password-file", str(file)])
    assert result.exit_code == 2
    assert str(file) in result.stderr
