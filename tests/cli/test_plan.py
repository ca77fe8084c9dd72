"""`vqathinker plan`."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from vqathinker.cli import app
from vqathinker.cli.project import choose_device, read_step_seconds
from vqathinker.errors import InputError
from vqathinker.planning import DEVICES


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(root)
    return lambda *args: CliRunner().invoke(app, ["plan", *args])


@pytest.fixture
def times(tmp_path: Path) -> Path:
    path = tmp_path / "times.csv"
    path.write_text("step,seconds\n1,99\n2,20\n3,21\n", encoding="utf-8")
    return path


def test_plan_of_another_scale_as_json(run: Callable[..., Result]) -> None:
    result = run("--config", "scale=paper", "training.epochs=1", "--gpu", "H100", "--json")
    assert result.exit_code == 0, result.output
    plan = json.loads(result.output)
    assert plan["scale"] == "paper"
    assert plan["runs"][0]["steps"] == 876
    assert plan["runs"][0]["memory"]["peak"] > 40e9
    assert plan["disk"]["clips"] > 1e11
    assert plan["predictions"]["lsvq_test"][0] == plan["videos"]["lsvq_test"]
    assert plan["assumptions"]


def test_runs_that_exceed_the_memory_give_exit_code_1(
    run: Callable[..., Result],
) -> None:
    result = run("--scale", "paper", "--gpu-memory", "26", "--gpu", "RTX-4090")
    assert result.exit_code == 1
    assert re.search(r"(?m)^Error: .*grpo.*training .* 26\.0 GB", result.output)
    assert re.search(r"(?m)^.*base.*prediction .* 26\.0 GB", result.output)


def test_seconds_per_step_are_the_median_of_a_run(times: Path) -> None:
    assert read_step_seconds(times) == 21
    for text in ("step,time\n1,2\n", "step,seconds\n1,0\n", ""):
        times.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=r"times\.csv"):
            read_step_seconds(times)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("NVIDIA A100-SXM4-40GB", "A100-80G"),
        ("NVIDIA GeForce RTX 4090", "RTX-4090"),
        ("NVIDIA RTX A6000", "A100-40G"),
    ],
)
def test_the_gpu_of_this_machine_is_recognised(
    monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    properties = SimpleNamespace(name=name, total_memory=12_345)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    found = choose_device(None, None, gpu=True)
    assert found.memory == 12_345
    assert name in found.name
    assert kind in found.name
    assert found.single == DEVICES[kind].single
    assert choose_device("H100", 40, gpu=True).memory == 40_000_000_000
