"""One command for each stage, one module for each phase, and errors that read as sentences."""

import re

import pytest
import yaml
from typer.testing import CliRunner

from vqathinker.cli import app

COMMANDS = {
    "Your own clips": ("score", "serve"),
    "Before it starts": ("plan",),
    "Data": ("decode", "perturb"),
    "Policy": ("base", "train", "export"),
    "Evaluation": ("predict", "perturbed", "gather", "metrics", "preference", "absent"),
    "Report": ("tables", "figures", "thumbnails", "page", "numbers", "summary"),
    "Provenance": ("explain", "verify", "archive"),
    "Development": ("schema",),
}
GROUPS = {
    "data": ("status", "fetch", "manifest", "check", "new"),
    "policy": ("import", "export", "describe", "card"),
    "understanding": ("ask", "judge", "measure"),
}
NAMES = [(name,) for names in COMMANDS.values() for name in names]
NAMES += [(group, name) for group, names in GROUPS.items() for name in names]


def test_help_lists_every_command_under_its_heading():
    listed = [(info.rich_help_panel, info.callback.__name__) for info in app.registered_commands]
    assert listed == [(panel, name) for panel, names in COMMANDS.items() for name in names]
    groups = {
        group.name: tuple(
            info.name or info.callback.__name__ for info in group.typer_instance.registered_commands
        )
        for group in app.registered_groups
    }
    assert groups == GROUPS


@pytest.mark.parametrize("command", NAMES, ids=" ".join)
def test_every_command_says_what_it_does_and_explains_its_options(command):
    result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    lines = [line.strip("│ ") for line in result.output.splitlines() if line.startswith("│")]
    rows = re.split(r"\n(?=[*-]|[A-Z]+ {2})", "\n".join(lines))  # an explanation may be folded
    assert lines
    assert all(len(row.split()) > 3 for row in rows), rows


def test_a_wrong_parameter_is_told_without_a_traceback(tmp_path, config):
    config["scales"]["demo"]["data"]["counts"] = {}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    args = ["data", "fetch", "demo_train", "--params", str(path), "--out", "x", "--receipt", "y"]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 1
    assert "counts has no row for" in result.output
    assert "Traceback" not in result.output


def test_a_missing_set_is_told_with_what_to_do(tmp_path, root, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = ["--params", str(root / "params.yaml")]
    assert CliRunner().invoke(app, ["data", "new", "mine", *params]).exit_code == 0
    result = CliRunner().invoke(app, ["data", "fetch", "mine", *params])
    assert result.exit_code == 1
    assert "put this set in place" in result.output
