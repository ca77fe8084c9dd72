"""Adding a reward as described in docs/extending.md."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import create_model
from tests.training.conftest import Settings

from vqathinker.params import RewardWeights, RunSettings
from vqathinker.training.rewards import REWARDS, RewardBatch, RewardTable
from vqathinker.training.trainer import VQAThinkerTrainer


def with_weights(settings: RunSettings, **weights: float) -> RunSettings:
    """The same settings with more weights than `RewardWeights` has."""
    fields: Any = dict.fromkeys(weights, (float, ...))
    model = create_model("Weights", __base__=RewardWeights, **fields)
    whole = model(**settings.rewards.weights.model_dump(), **weights)
    rewards = settings.rewards.model_copy(update={"weights": whole})
    return settings.model_copy(update={"rewards": rewards})


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[tuple[RewardTable, np.ndarray]]:
    """The rewards and the advantages (videos, group) of every step."""
    calls: list[tuple[RewardTable, np.ndarray]] = []
    score = VQAThinkerTrainer._generate_and_score_completions

    def watched(self: VQAThinkerTrainer, inputs: Any) -> Any:
        batch = score(self, inputs)
        assert self._reward_table is not None
        calls.append(
            (
                self._reward_table,
                batch["advantages"].numpy().reshape(self._reward_table.total.shape),
            )
        )
        return batch

    monkeypatch.setattr(VQAThinkerTrainer, "_generate_and_score_completions", watched)
    return calls


def test_added_reward_counts_in_advantage_and_history(
    tmp_path: Path, training_set: Any, settings_of: Settings, monkeypatch: pytest.MonkeyPatch,
    scored: list[tuple[RewardTable, np.ndarray]],
) -> None:  # fmt: skip
    def length(batch: RewardBatch) -> np.ndarray:
        return -batch.tokens / 6 + np.arange(batch.tokens.shape[-1])

    monkeypatch.setitem(REWARDS, "length", length)
    for weight in (0.5, 0.0):
        settings = with_weights(settings_of(max_steps=1), length=weight)
        training_set.start(settings, tmp_path / str(weight))
        table, advantages = scored.pop()
        others = sum(values for name, values in table.rewards.items() if name != "length")
        np.testing.assert_allclose(table.total, others + weight * table.rewards["length"])
        spread = table.total.std(axis=1, ddof=1, keepdims=True)
        expected = (table.total - table.total.mean(axis=1, keepdims=True)) / (spread + 1e-4)
        np.testing.assert_allclose(advantages, expected, rtol=1e-4)
        [row] = pd.read_csv(tmp_path / str(weight) / "history.csv").to_dict("records")
        assert row["rewards/length"] == pytest.approx(table.rewards["length"].mean(), rel=1e-6)
        assert row["reward"] == pytest.approx(table.total.mean(), rel=1e-6)


def test_rewards_of_weight_0_do_not_change_results(
    tmp_path: Path, training_set: Any, settings_of: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRL sums eight columns in another order than four."""
    settings = settings_of(max_steps=2)
    training_set.start(settings, tmp_path / "few")
    names = [f"more{number}" for number in range(5)]
    for name in names:
        monkeypatch.setitem(REWARDS, name, lambda batch: np.full(batch.scores.shape, np.inf))
    more = with_weights(settings, **dict.fromkeys(names, 0.0))
    training_set.start(more, tmp_path / "many")
    few, many = (pd.read_csv(tmp_path / run / "history.csv", dtype=str) for run in ("few", "many"))
    pd.testing.assert_frame_equal(many[few.columns], few)
    assert set(many.columns) - set(few.columns) == {f"rewards/{name}" for name in names}
    weights = "checkpoints/checkpoint-2/model.safetensors"
    assert (tmp_path / "few" / weights).read_bytes() == (tmp_path / "many" / weights).read_bytes()


def test_rewards_and_weights_must_match(
    tmp_path: Path, training_set: Any, settings_of: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(max_steps=1)
    with pytest.raises(ValueError, match="lenght"):
        training_set.start(with_weights(settings, lenght=1.0), tmp_path)
    monkeypatch.setitem(REWARDS, "length", lambda batch: batch.tokens)
    with pytest.raises(ValueError, match="length"):
        training_set.start(settings, tmp_path)


@pytest.mark.parametrize(
    "wrong", [lambda batch: batch.mos, lambda batch: np.full_like(batch.scores, np.nan)]
)
def test_reward_of_wrong_shape_or_value_is_named(
    tmp_path: Path, training_set: Any, settings_of: Settings, monkeypatch: pytest.MonkeyPatch,
    wrong: Any,
) -> None:  # fmt: skip
    monkeypatch.setitem(REWARDS, "format", wrong)
    with pytest.raises(ValueError, match="'format'"):
        training_set.start(settings_of(max_steps=1), tmp_path)


# --- the steps of the docs ------------------------------------------------------------------------


def blocks(root: Path) -> Iterator[str]:
    """Code blocks of the section about rewards, in order."""
    text = (root / "docs" / "extending.md").read_text(encoding="utf-8")
    section = text.partition("## A reward\n")[2].partition("\n## ")[0]
    for block in re.findall(r"(?ms)^    ```(?:python|yaml)\n(.*?)^    ```$", section):
        yield re.sub(r"(?m)^    ", "", block)


def insert(path: Path, anchor: str, text: str, *, before: bool = False) -> None:
    """Insert `text` after the only occurrence of `anchor`."""
    whole = path.read_text(encoding="utf-8")
    assert whole.count(anchor) == 1, anchor
    path.write_text(whole.replace(anchor, text + anchor if before else anchor + text), "utf-8")


def line_of(path: Path, start: str) -> str:
    """The only line that begins with `start`."""
    [line] = re.findall(rf"(?m)^{re.escape(start)}.*\n", path.read_text(encoding="utf-8"))
    return str(line)


def test_steps_of_the_docs_add_a_reward(
    root: Path, tmp_path: Path, training_set: Any, settings_of: Settings
) -> None:
    shutil.copytree(root / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "params.yaml", tmp_path)
    rewards = tmp_path / "src/vqathinker/training/rewards.py"
    params = tmp_path / "src/vqathinker/params/training.py"
    function, entry, model, of_params, of_weights, values, weight = blocks(root)
    insert(rewards, "# Every reward by the name of its weight", f"{function}\n\n", before=True)
    insert(rewards, '    "temporal": _temporal,\n', entry)
    insert(params, "class RewardsParams(Section", f"{model}\n\n", before=True)
    insert(params, "    weights: RewardWeights\n", of_params)
    insert(params, line_of(params, "    temporal: NotNegative"), of_weights)
    parameters = tmp_path / "params.yaml"
    insert(parameters, line_of(parameters, "  weights:"), values, before=True)
    insert(parameters, line_of(parameters, "    temporal:"), weight)

    added = yaml.safe_load((tmp_path / "params.yaml").read_text(encoding="utf-8"))["rewards"]
    settings = settings_of(max_steps=1, weights={"temporal": 0.0}).model_dump()
    settings["rewards"]["length"] = added["length"] | {"free": 2}
    settings["rewards"]["weights"] |= {"length": added["weights"]["length"] + 0.5}
    stamp = {"phase": "training-grpo", "params": {"runs": {"grpo": settings}}}
    (tmp_path / "stamp.yaml").write_text(yaml.safe_dump(stamp), encoding="utf-8")
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from vqathinker.params import json_schema, load_all, load_run
        from vqathinker.training.run import train

        for scale in ("demo", "single-gpu", "paper"):
            assert load_all(Path("params.yaml"), [f"scale={scale}"]).rewards.weights.length == 0
        assert "LengthReward" in json_schema()
        base, manifest, clips = map(Path, sys.argv[1:])
        train("grpo", load_run(Path("stamp.yaml"), "grpo"), policy=base, manifest=manifest,
              clips=[clips], perturbations=None, out=Path("out"))
    """)
    files = (training_set.folder / "base", training_set.folder / "manifest.parquet")
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, (*files, training_set.clips))], cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "src")}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [row] = pd.read_csv(tmp_path / "out" / "history.csv").to_dict("records")
    assert row["rewards/length"] < 0
    sum_of_others = row["rewards/regression"] + row["rewards/ranking"] + row["rewards/format"]
    assert row["reward"] == pytest.approx(sum_of_others + 0.5 * row["rewards/length"], abs=1e-5)
