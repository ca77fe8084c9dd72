"""`vqathinker policy`, and `export`, which writes a policy folder."""

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


def test_export_records_the_settings_of_scores(tmp_path: Path, tiny_base: Path, root: Path) -> None:
    checkpoint = shutil.copytree(tiny_base, tmp_path / "run" / "checkpoints" / "checkpoint-1")
    (checkpoint / "provenance.json").write_text(json.dumps({"base": "models/base/tiny"}))
    params, out = root / "params.yaml", tmp_path / "policy"
    wanted = read_params(params)["evaluation"]
    wanted = {key: wanted[key] for key in ("score", "sampling", "expectation")}
    call = ["export", "grpo", "--from", tmp_path / "run", "--output", out, "--params", params]
    result = CliRunner().invoke(app, [*map(str, call)])
    assert result.exit_code == 0, result.output
    assert json.loads((out / "provenance.json").read_text())["evaluation"] == wanted
