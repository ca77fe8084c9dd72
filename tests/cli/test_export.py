"""`export` records how the scores in the tables are computed."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from vqathinker.cli import app
from vqathinker.phases.parameters import read_params

ROOT = Path(__file__).parents[2]
PARAMS = read_params(ROOT / "params.yaml")["evaluation"]
RECORDED = {key: PARAMS[key] for key in ("score", "sampling", "expectation")}


@pytest.fixture
def finished(tmp_path: Path, tiny_base: Path) -> Path:
    """A run's folder whose last checkpoint is the base policy."""
    checkpoint = shutil.copytree(tiny_base, tmp_path / "run" / "checkpoints" / "checkpoint-1")
    (checkpoint / "provenance.json").write_text(json.dumps({"base": "models/base/tiny"}))
    return tmp_path / "run"


def export(run: Path, params: Path, *options: str) -> Result:
    call = ["export", "grpo", "--from", run, "--out", run / "policy", "--params", params, *options]
    return CliRunner().invoke(app, [str(part) for part in call])


def test_the_record_holds_the_settings_of_scores(finished: Path) -> None:
    for options, score in (((), RECORDED["score"]), (("--score", "mean"), "mean")):
        result = export(finished, ROOT / "params.yaml", *options)
        assert result.exit_code == 0, result.output
        record = json.loads((finished / "policy" / "provenance.json").read_text())
        assert record["evaluation"] == RECORDED | {"score": score}


def test_a_wrong_evaluation_in_the_parameters_is_named(finished: Path, tmp_path: Path) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["scales"][params["scale"]]["evaluation"] = PARAMS | {"score": "expectd"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    result = export(finished, tmp_path / "params.yaml")
    assert result.exit_code == 1
    assert "evaluation.score" in result.output
    assert not (finished / "policy").exists()
