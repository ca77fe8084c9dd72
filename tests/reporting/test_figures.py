"""Figures and their data as CSV."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vqathinker.errors import InputError
from vqathinker.evaluation.predictions import read_predictions, write_predictions
from vqathinker.reporting import figures
from vqathinker.reporting.plot_data import (
    SCORED_COLUMNS,
    calibration,
    panel_titles,
    ranks,
    residuals,
    scored_videos,
    training_curves,
)

NAMES = ["win$100_and_$5.mp4", "$\\frac{$", "<b>&amp;</b>", "映像.mp4"]


def svg_texts(path: Path) -> set[str]:
    """Every text in an SVG."""
    texts = ET.parse(path).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314
    return {"".join(text.itertext()) for text in texts}


def scored(score: np.ndarray, mos: np.ndarray, **known: object) -> pd.DataFrame:
    """Videos of one run on one benchmark."""
    videos = [f"{number:03d}.mp4" for number in range(len(score))]
    whole = {"run": "grpo", "benchmark": "seen", "content": None, "kind": None, **known}
    table = pd.DataFrame({"video": videos, "mos": mos, "mos_training": mos, "score": score})
    return table.assign(**whole)[list(SCORED_COLUMNS)]


def line(method: str, benchmark: str, srcc: float | None, **other: Any) -> dict[str, Any]:
    known = {"training_data": "LSVQ", "ours": False, "domain": "in-domain", "comparable": True}
    return {"method": method, "benchmark": benchmark, "srcc": srcc, **known, **other}


LINES = [
    line("A", "one", 0.9), line("B", "one", 0.8), line("C", "one", 0.9),
    line("D", "one", 0.95, comparable=False), line("A", "average", 0.1),
    line("grpo", "one", 0.85, ours=True), line("grpo", "one", 0.99, ours=True),
    line("grpo", "two", None, ours=True), line("A", "two", 0.7),
]  # fmt: skip


WRITERS = (figures.write_scatters, figures.write_calibration, figures.write_residuals)


def test_figures_have_pictures_and_data(scale: Any, tmp_path: Path) -> None:
    table = scored_videos(scale.predictions, scale.manifests)
    table = table.assign(kind=np.where(table["mos"] > 3, "blur", "noise"))
    figures.write_curves(scale.histories, tmp_path)
    for write in WRITERS:
        write(table, tmp_path)
    of_runs = {f"{name}_{run}" for name in ("scatter", "residuals") for run in ("base", "grpo")}
    names = {kind: {path.stem for path in tmp_path.glob(f"*.{kind}")} for kind in ("png", "svg")}
    assert names["png"] == names["svg"] == {"training_curve", "calibration", *of_runs}
    for name in names["png"]:
        with Image.open(tmp_path / f"{name}.png") as image:
            image.verify()
        assert "dc:date" not in (tmp_path / f"{name}.svg").read_text(encoding="utf-8")


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    table = scored(np.linspace(1, 5, 30), np.linspace(1, 5, 30) ** 2)
    for folder in ("one", "two"):
        figures.write_calibration(table, tmp_path / folder)
    for file in ("calibration.png", "calibration.svg", "calibration.csv"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_figures_without_data_are_written(scale: Any, tmp_path: Path) -> None:
    for path in scale.predictions:
        read = read_predictions(path)
        write_predictions(path, read.table.assign(score=float("nan")), read.provenance)
    table = scored_videos(scale.predictions, scale.manifests)
    figures.write_curves({}, tmp_path)
    for write in WRITERS:
        write(table, tmp_path)
    for name in ("training_curve", "scatter", "calibration", "residuals"):
        assert pd.read_csv(tmp_path / f"{name}.csv").empty
        assert (tmp_path / f"{name}.png").is_file() == (name not in {"scatter", "residuals"})


def test_a_benchmark_without_a_manifest_is_refused(scale: Any) -> None:
    with pytest.raises(InputError, match=r"unseen\.parquet"):
        scored_videos(scale.predictions, {"seen": scale.manifests["seen"]})


def test_calibration_shows_scores_that_are_half_a_point_too_high() -> None:
    mos = np.linspace(1, 5, 103)
    bins = calibration(scored(mos + 0.5, mos))
    assert bins["n"].tolist() == [11, 11, 11, *[10] * 7]
    np.testing.assert_allclose(bins["score"] - bins["mos"], 0.5)


def test_calibration_intervals_are_those_of_a_normal_mean() -> None:
    mos = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    low, high = calibration(scored(mos, mos))[["low", "high"]].iloc[0]
    # t of 4 degrees of freedom is 2.776445; the standard error is sqrt(2.5 / 5).
    assert (low, high) == pytest.approx((3 - 2.776445 * 0.5**0.5, 3 + 2.776445 * 0.5**0.5))
    assert calibration(scored(mos[:1], mos[:1]))["low"].isna().all()


def test_underrated_groups_have_a_positive_residual() -> None:
    mos = np.tile([2.0, 4.0], 10)
    kind = np.repeat(["blur", "noise"], 10)
    table = residuals(scored(mos - np.where(kind == "blur", 0.2, -0.2), mos, kind=kind))
    means = dict(zip(table["group"], table["mean"], strict=True))
    assert means["blur"] > 0.15
    assert means["blur"] == pytest.approx(-means["noise"])


def test_ties_share_a_rank_and_runs_are_ranked_by_their_main_score() -> None:
    table = ranks(LINES)
    one = table[table["benchmark"] == "one"].set_index("method")["rank"]
    assert one.to_dict() == {"A": 1.5, "C": 1.5, "grpo": 3, "B": 4}
    assert table.loc[table["method"] == "grpo", "srcc"].tolist() == [0.85]


def test_training_curves_keep_columns_of_single_runs(scale: Any, tmp_path: Path) -> None:
    history = pd.read_csv(scale.histories["grpo"])
    more = history.assign(mood=1.5, **{"rewards/length": 0.5})
    more.to_csv(tmp_path / "longer.csv", index=False)
    table = training_curves({**scale.histories, "longer": tmp_path / "longer.csv"})
    assert list(table.columns) == ["run", "step", *panel_titles(more.columns), "mood"]
    assert table["rewards/length"].notna().sum() == len(history)
    assert table["run"].value_counts().to_dict() == {"grpo": 60, "longer": 60}


def test_a_history_without_a_column_is_refused_by_name(scale: Any) -> None:
    path = scale.histories["grpo"]
    pd.read_csv(path).drop(columns=["kl"]).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"history\.csv.*kl"):
        figures.write_curves(scale.histories, scale.figures)


@pytest.mark.parametrize("name", NAMES)
def test_the_clip_name_is_the_literal_title_of_its_plot(name: str, tmp_path: Path) -> None:
    figures.draw_over_time([(0, 2, 3.5), (2, 4, None)], name, tmp_path / "plot.png")
    assert name in svg_texts(tmp_path / "plot.svg")
