"""The description of a policy folder."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from vqathinker.phases.parameters import resolve
from vqathinker.policy.config import PARTS
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.folder.describe import describe, format_facts


@pytest.fixture
def folder(tmp_path: Path, tiny_base: Path) -> Path:
    return shutil.copytree(tiny_base, tmp_path / "policy")


def record(folder: Path, **more: Any) -> None:
    path = folder / "provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | more))


def test_parts_sum_to_the_model(folder: Path) -> None:
    facts, model = describe(folder), load_policy(folder).model
    body = model.model
    frozen = sum(buffer.numel() for buffer in body.motion_encoder.buffers())
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert facts["weights"] == parameters + frozen
    assert facts["parts"]["motion_encoder"]["weights"] == frozen
    expected = sum(p.numel() for p in body.motion_projector.parameters())
    assert facts["parts"]["motion_projector"]["weights"] == expected
    assert facts["trainable_share"] == pytest.approx(parameters / facts["weights"])
    size = (folder / "model.safetensors").stat().st_size
    assert 0 <= size - sum(part["bytes"] for part in facts["parts"].values()) < 20_000  # header
    assert {part["precision"] for part in facts["parts"].values()} == {"F32"}
    assert facts["parts"].keys() == PARTS.keys()


def test_frozen_parts_are_not_listed_as_trained(folder: Path, config: dict[str, Any]) -> None:
    settings = resolve(config)["runs"]["grpo"]
    record(folder, run="grpo", steps=10, settings=settings)
    trained = {name for name, part in describe(folder)["parts"].items() if part["trained"]}
    assert trained == {"projector", "motion_projector", "language"}
    settings["training"] |= {"freeze": [], "lora": {"rank": 8, "alpha": 16}}
    record(folder, settings=settings)
    trained = {name for name, part in describe(folder)["parts"].items() if part["trained"]}
    assert trained == {"vision", "projector", "motion_projector"}


def test_changed_folder_is_detected(folder: Path) -> None:
    assert describe(folder)["intact"]
    assert "DIFFERS FROM THE RECORD" not in format_facts(describe(folder))
    path = folder / "tokenizer_config.json"
    path.write_bytes(path.read_bytes() + b"\n")
    assert not describe(folder)["intact"]
    assert "DIFFERS FROM THE RECORD" in format_facts(describe(folder))


def test_text_contains_setting_and_base(folder: Path) -> None:
    written = json.loads((folder / "config.json").read_text()) | {"setting": "6x56"}
    (folder / "config.json").write_text(json.dumps(written))
    record(folder, run="grpo", base="models/base/tiny")
    facts = json.loads(json.dumps(describe(folder)))
    assert (facts["setting"], facts["tokens_per_frame"]) == ("6x56", 4)
    assert all(part in format_facts(facts) for part in ("6x56", "filter_bank", "models/base/tiny"))
