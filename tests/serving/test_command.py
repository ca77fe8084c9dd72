"""`vqathinker serve` on the command line: what it says before anything is served."""

from importlib import util
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vqathinker.cli import app
from vqathinker.cli.serve import password_of


def test_help_has_an_example() -> None:
    result = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200"})
    assert "Example: vqathinker serve --policy" in result.output


def test_a_missing_extra_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    there = util.find_spec
    monkeypatch.setattr(
        "vqathinker.serving.find_spec",
        lambda name: None if name == "gradio" else there(name),
    )
    result = CliRunner().invoke(app, ["serve"])
    assert result.exit_code == 1
    assert "pip install 'vqathinker[serve]'" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_password_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VQATHINKER_PASSWORD", raising=False)
    assert password_of(None) is None
    monkeypatch.setenv("VQATHINKER_PASSWORD", "from outside")
    assert password_of(None) == "from outside"
    file = tmp_path / "password"
    file.write_text("secret words\n", encoding="utf-8")
    assert password_of(file) == "secret words"


def test_an_empty_file_of_a_password_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("\n")
    result = CliRunner().invoke(app, ["serve", "--password-file", str(file)])
    assert result.exit_code in {1, 2}
    assert "password: is empty" in result.stderr


@pytest.mark.parametrize("option", ["--port", "--megabytes", "--waiting"])
def test_a_number_that_is_none_is_refused(option: str) -> None:
    result = CliRunner().invoke(app, ["serve", option, "-3"])
    assert result.exit_code == 2
    assert option in result.stderr
