"""Claims about the figures and the numbers that lie beside them."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from vqathinker.reporting.figures import write_curves
from vqathinker.reporting.plot_data import panels_for


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.verify()
        return image.size


def test_the_training_curve_is_a_picture_with_its_numbers(scale, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_bytes(scale.histories["grpo"].read_bytes())
    write_curves({**scale.histories, "grpo-no-temporal": other}, scale.figures)
    table = pd.read_csv(scale.figures / "training_curve.csv")
    panels = panels_for(pd.read_csv(other).columns)
    assert list(table.columns) == ["run", "step", *panels]
    assert "rewards/temporal" in panels
    assert table["run"].value_counts().to_dict() == {"grpo": 60, "grpo-no-temporal": 60}
    width, height = size(scale.figures / "training_curve.png")
    assert min(width, height) > 800


def test_other_columns_of_a_history_are_kept(scale) -> None:
    path = scale.histories["grpo"]
    pd.read_csv(path).assign(mood=1.5).to_csv(path, index=False)
    write_curves(scale.histories, scale.figures)
    table = pd.read_csv(scale.figures / "training_curve.csv")
    assert (table["mood"] == 1.5).all()


def test_a_reward_that_only_some_runs_know_has_a_panel(scale, tmp_path: Path) -> None:
    path = tmp_path / "longer.csv"
    history = pd.read_csv(scale.histories["grpo"])
    history.assign(**{"rewards/length": 0.5}).to_csv(path, index=False)
    write_curves({**scale.histories, "longer": path}, scale.figures)
    table = pd.read_csv(scale.figures / "training_curve.csv")
    assert table["rewards/length"].notna().sum() == len(history)
    assert list(panels_for(table.columns)).index("rewards/length") == 3
    assert size(scale.figures / "training_curve.png")


def test_one_logged_step_is_enough(scale) -> None:
    path = scale.histories["grpo"]
    pd.read_csv(path)[:1].to_csv(path, index=False)
    write_curves(scale.histories, scale.figures)
    assert size(scale.figures / "training_curve.png")


def test_without_a_trained_run_the_files_are_there_all_the_same(tmp_path: Path) -> None:
    write_curves({}, tmp_path)
    assert pd.read_csv(tmp_path / "training_curve.csv").empty
    assert size(tmp_path / "training_curve.png")


def test_a_history_without_a_column_is_refused_by_name(scale) -> None:
    path = scale.histories["grpo"]
    pd.read_csv(path).drop(columns=["kl"]).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"history\.csv: has no column kl"):
        write_curves(scale.histories, scale.figures)


def test_the_same_numbers_give_the_same_bytes(finished, scale) -> None:
    write_curves(scale.histories, scale.figures)
    for name in ("training_curve.csv", "training_curve.png", "training_curve.svg"):
        assert (scale.figures / name).read_bytes() == (finished.figures / name).read_bytes()
