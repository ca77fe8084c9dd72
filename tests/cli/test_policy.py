"""Commands about policy folders, and `export`, which writes one."""

import json
import shutil
from pathlib import Path

from typer.testing import CliRunner, Result

from vqathinker.cli import app
from vqathinker.phases.parameters import read_params


def run(*args: object) -> Result:
    return CliRunner().invoke(app, ["policy", *map(str, args)], env={"COLUMNS": "200"})


def test_a_policy_is_described_as_text_and_as_json(tiny_base: Path) -> None:
    text = run("describe", tiny_base)
    assert text.exit_code == 0, text.output
    assert "motion_projector" in text.output
    facts = json.loads(run("describe", tiny_base, "--json").output)
    assert f"{facts['weights']:,}" in text.output
    assert facts["policy"] in text.output


def test_tables_go_into_the_card(tmp_path: Path, tiny_base: Path) -> None:
    folder = shutil.copytree(tiny_base, tmp_path / "policy")
    (tmp_path / "main.md").write_text("| SRCC |\n|---|\n| 0.81 |\n")
    assert run("card", folder, "--tables", tmp_path / "main.md").exit_code == 0
    assert "| 0.81 |" in (folder / "README.md").read_text()
    assert json.loads(run("describe", folder, "--json").output)["intact"]


def test_a_folder_that_cannot_be_imported_or_exported_is_refused(
    tmp_path: Path, tiny_base: Path
) -> None:
    result = run("import", tmp_path, "--out", tmp_path / "policy")
    assert result.exit_code == 1
    assert "safetensors" in result.output
    result = run("export", tiny_base, "--out", tmp_path / "theirs")
    assert result.exit_code == 1
    assert "filter_bank" in result.output


def test_an_export_records_the_settings_of_scores(
    tmp_path: Path, tiny_base: Path, root: Path
) -> None:
    checkpoint = shutil.copytree(tiny_base, tmp_path / "run" / "checkpoints" / "checkpoint-1")
    (checkpoint / "provenance.json").write_text(json.dumps({"base": "models/base/tiny"}))
    params, out = root / "params.yaml", tmp_path / "policy"
    wanted = read_params(params)["evaluation"]
    wanted = {key: wanted[key] for key in ("score", "sampling", "expectation")}
    call = ["export", "grpo", "--from", tmp_path / "run", "--out", out, "--params", params]
    for options, score in (((), wanted["score"]), (("--score", "mean"), "mean")):
        result = CliRunner().invoke(app, [*map(str, call), *options])
        assert result.exit_code == 0, result.output
        record = json.loads((out / "provenance.json").read_text())
        assert record["evaluation"] == wanted | {"score": score}
