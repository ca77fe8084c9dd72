"""Claims about the figures and the numbers that lie beside them."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from vqathinker.evaluation.predictions import read_predictions, write_predictions
from vqathinker.reporting.figures import PANELS, write_figures, write_scatters


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.verify()
        return image.size


def test_the_training_curve_is_a_picture_with_its_numbers(scale, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_bytes(scale.histories["grpo"].read_bytes())
    write_figures({**scale.histories, "grpo-no-temporal": other}, scale.figures)
    table = pd.read_csv(scale.figures / "training_curve.csv")
    assert list(table.columns) == ["run", "step", *PANELS]
    assert table["run"].value_counts().to_dict() == {"grpo": 60, "grpo-no-temporal": 60}
    width, height = size(scale.figures / "training_curve.png")
    assert min(width, height) > 800


def test_other_columns_of_a_history_are_kept(scale) -> None:
    path = scale.histories["grpo"]
    pd.read_csv(path).assign(mood=1.5).to_csv(path, index=False)
    write_figures(scale.histories, scale.figures)
    table = pd.read_csv(scale.figures / "training_curve.csv")
    assert (table["mood"] == 1.5).all()


def test_one_logged_step_is_enough(scale) -> None:
    path = scale.histories["grpo"]
    pd.read_csv(path)[:1].to_csv(path, index=False)
    write_figures(scale.histories, scale.figures)
    assert size(scale.figures / "training_curve.png")


def test_without_a_trained_run_the_files_are_there_all_the_same(tmp_path: Path) -> None:
    write_figures({}, tmp_path)
    assert pd.read_csv(tmp_path / "training_curve.csv").empty
    assert size(tmp_path / "training_curve.png")


def test_a_history_without_a_column_is_refused_by_name(scale) -> None:
    path = scale.histories["grpo"]
    pd.read_csv(path).drop(columns=["kl"]).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"history\.csv: has no column kl"):
        write_figures(scale.histories, scale.figures)


def test_a_scatter_shows_every_scored_video_of_a_run(finished) -> None:
    table = pd.read_csv(finished.figures / "scatter.csv")
    assert list(table.columns) == ["run", "benchmark", "video", "mos", "score"]
    assert table.groupby(["run", "benchmark"]).size().to_dict() == {
        (run, name): 10 for run in ("base", "grpo") for name in ("seen", "unseen")
    }
    assert not {"00.mp4", "05.mp4"} & set(table["video"])
    for run in ("base", "grpo"):
        assert size(finished.figures / f"scatter_{run}.png")


def test_a_run_without_any_score_has_an_empty_scatter(scale) -> None:
    for path in scale.predictions:
        read = read_predictions(path)
        write_predictions(path, read.table.assign(score=float("nan")), read.provenance)
    write_scatters(scale.predictions, scale.manifests, scale.figures)
    assert pd.read_csv(scale.figures / "scatter.csv").empty
    assert size(scale.figures / "scatter_grpo.png")


def test_a_benchmark_without_manifest_is_refused(scale) -> None:
    seen = {"seen": scale.manifests["seen"]}
    with pytest.raises(ValueError, match=r"unseen\.parquet is of unseen"):
        write_scatters(scale.predictions, seen, scale.figures)


def test_the_same_numbers_give_the_same_bytes(finished, scale) -> None:
    write_figures(scale.histories, scale.figures)
    write_scatters(scale.predictions, scale.manifests, scale.figures)
    names = sorted(path.name for path in finished.figures.iterdir())
    assert names == [
        "scatter.csv",
        "scatter_base.png",
        "scatter_grpo.png",
        "training_curve.csv",
        "training_curve.png",
    ]
    for name in names:
        assert (scale.figures / name).read_bytes() == (finished.figures / name).read_bytes()
