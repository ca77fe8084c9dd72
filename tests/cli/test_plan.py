"""`vqathinker plan`, as a user meets it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from vqathinker.cli import app


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(root)
    return lambda *args: CliRunner().invoke(app, ["plan", *args])


def test_another_scale_and_other_values_are_planned_as_json(run: Callable[..., Result]) -> None:
    result = run("--config", "scale=paper", "training.epochs=1", "--gpu", "H100", "--json")
    assert result.exit_code == 0, result.output
    plan = json.loads(result.output)
    assert plan["scale"] == "paper"
    assert plan["runs"][0]["steps"] == 876
    assert plan["runs"][0]["memory"]["peak"] > 40e9
    assert plan["assumptions"]


def test_what_cannot_fit_ends_with_exit_code_1_and_a_line(run: Callable[..., Result]) -> None:
    result = run("--scale", "paper", "--gpu-memory", "40", "--gpu", "H100")
    assert result.exit_code == 1
    assert "Error: runs grpo" in result.output
    assert "of 40.0 GB" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--gpu", "H1000"], "did you mean H100?"),
        (["--config", "epochs"], "expected KEY=VALUE"),
        (["--config", "training.lorra=null"], "did you mean lora?"),
        (["--rates", "nowhere.csv"], "nowhere.csv: no such file"),
    ],
)
def test_a_wrong_word_is_told_in_one_line(
    run: Callable[..., Result], args: list[str], said: str
) -> None:
    result = run(*args)
    assert result.exit_code in {1, 2}
    assert said in result.output
