"""Figures and the numbers that lie beside them."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
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
    JUDGED,
    calibration,
    judged_videos,
    panels_for,
    ranks,
    residuals,
    training_curves,
)

NAMES = ["win$100_and_$5.mp4", "$\\frac{$", "<b>&amp;</b>", "映像.mp4"]


def words_of(path: Path) -> set[str]:
    """Every text in an SVG."""
    texts = ET.parse(path).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314
    return {"".join(text.itertext()) for text in texts}


def judged(score: np.ndarray, mos: np.ndarray, **known: object) -> pd.DataFrame:
    """Videos of one run on one benchmark."""
    videos = [f"{number:03d}.mp4" for number in range(len(score))]
    whole = {"run": "grpo", "benchmark": "seen", "content": None, "kind": None, **known}
    table = pd.DataFrame({"video": videos, "mos": mos, "mos_training": mos, "score": score})
    return table.assign(**whole)[list(JUDGED)]


def line(method: str, benchmark: str, srcc: float | None, **other: Any) -> dict[str, Any]:
    known = {"training_data": "LSVQ", "ours": False, "domain": "in-domain", "ranked": True}
    return {"method": method, "benchmark": benchmark, "srcc": srcc, **known, **other}


LINES = [
    line("A", "one", 0.9), line("B", "one", 0.8), line("C", "one", 0.9),
    line("D", "one", 0.95, ranked=False), line("A", "average", 0.1),
    line("grpo", "one", 0.85, ours=True), line("grpo", "one", 0.99, ours=True),
    line("grpo", "two", None, ours=True), line("A", "two", 0.7),
]  # fmt: skip


def of_videos(write: Callable[[pd.DataFrame, Path], None]) -> Callable[[Any, Path], None]:
    def draw(scale: Any, out: Path) -> None:
        table = judged_videos(scale.predictions, scale.manifests)
        write(table.assign(kind=np.where(table["mos"] > 3, "blur", "noise")), out)

    return draw


EVERY: dict[str, Callable[[Any, Path], None]] = {
    "training_curve": lambda scale, out: figures.write_curves(scale.histories, out),
    "scatter": of_videos(figures.write_scatters),
    "calibration": of_videos(figures.write_calibration),
    "residuals": of_videos(figures.write_residuals),
}


@pytest.mark.parametrize("name", EVERY)
def test_a_figure_has_pictures_and_numbers(scale: Any, tmp_path: Path, name: str) -> None:
    EVERY[name](scale, tmp_path)
    per_run = name in {"scatter", "residuals"}
    names = [f"{name}_{run}" for run in ("base", "grpo")] if per_run else [name]
    files = {f"{name}.csv", *(f"{one}.{kind}" for one in names for kind in ("png", "svg"))}
    assert files <= {path.name for path in tmp_path.iterdir()}
    with Image.open(tmp_path / f"{names[0]}.png") as image:
        image.verify()
    assert "dc:date" not in (tmp_path / f"{names[0]}.svg").read_text(encoding="utf-8")


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    table = judged(np.linspace(1, 5, 30), np.linspace(1, 5, 30) ** 2)
    for folder in ("one", "two"):
        figures.write_calibration(table, tmp_path / folder)
    for file in ("calibration.png", "calibration.svg", "calibration.csv"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_without_anything_to_draw_figures_are_there_all_the_same(
    scale: Any, tmp_path: Path
) -> None:
    for path in scale.predictions:
        read = read_predictions(path)
        write_predictions(path, read.table.assign(score=float("nan")), read.provenance)
    table = judged_videos(scale.predictions, scale.manifests)
    figures.write_curves({}, tmp_path)
    for write in (figures.write_scatters, figures.write_calibration, figures.write_residuals):
        write(table, tmp_path)
    for name in EVERY:
        assert pd.read_csv(tmp_path / f"{name}.csv").empty
        assert (tmp_path / f"{name}.png").is_file() == (name not in {"scatter", "residuals"})


def test_a_benchmark_without_manifest_is_refused(scale: Any) -> None:
    with pytest.raises(InputError, match=r"unseen\.parquet"):
        judged_videos(scale.predictions, {"seen": scale.manifests["seen"]})


def test_a_score_half_a_point_too_high_is_seen_by_calibration() -> None:
    mos = np.linspace(1, 5, 103)
    bins = calibration(judged(mos + 0.5, mos))
    assert bins["n"].tolist() == [11, 11, 11, *[10] * 7]
    np.testing.assert_allclose(bins["score"] - bins["mos"], 0.5)


def test_an_interval_of_calibration_is_the_mean_of_a_normal_sample() -> None:
    mos = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    low, high = calibration(judged(mos, mos))[["low", "high"]].iloc[0]
    # t of 4 degrees of freedom is 2.776445; the standard error is sqrt(2.5 / 5).
    assert (low, high) == pytest.approx((3 - 2.776445 * 0.5**0.5, 3 + 2.776445 * 0.5**0.5))
    assert calibration(judged(mos[:1], mos[:1]))["low"].isna().all()


def test_what_is_underrated_has_a_positive_residual() -> None:
    mos = np.tile([2.0, 4.0], 10)
    kind = np.repeat(["blur", "noise"], 10)
    table = residuals(judged(mos - np.where(kind == "blur", 0.2, -0.2), mos, kind=kind))
    means = dict(zip(table["group"], table["mean"], strict=True))
    assert means["blur"] > 0.15
    assert means["blur"] == pytest.approx(-means["noise"])


def test_equal_methods_share_a_rank_and_a_run_is_ranked_by_the_score_that_counts() -> None:
    table = ranks(LINES)
    one = table[table["benchmark"] == "one"].set_index("method")["rank"]
    assert one.to_dict() == {"A": 1.5, "C": 1.5, "grpo": 3, "B": 4}
    assert table.loc[table["method"] == "grpo", "srcc"].tolist() == [0.85]


def test_curves_keep_every_column_and_a_reward_that_one_run_has(scale: Any, tmp_path: Path) -> None:
    history = pd.read_csv(scale.histories["grpo"])
    more = history.assign(mood=1.5, **{"rewards/length": 0.5})
    more.to_csv(tmp_path / "longer.csv", index=False)
    table = training_curves({**scale.histories, "longer": tmp_path / "longer.csv"})
    assert list(table.columns) == ["run", "step", *panels_for(more.columns), "mood"]
    assert table["rewards/length"].notna().sum() == len(history)
    assert table["run"].value_counts().to_dict() == {"grpo": 60, "longer": 60}


def test_a_history_without_a_column_is_refused_by_name(scale: Any) -> None:
    path = scale.histories["grpo"]
    pd.read_csv(path).drop(columns=["kl"]).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"history\.csv.*kl"):
        figures.write_curves(scale.histories, scale.figures)


@pytest.mark.parametrize("name", NAMES)
def test_a_clip_s_name_is_the_title_of_its_plot(name: str, tmp_path: Path) -> None:
    figures.draw_over_time([(0, 2, 3.5), (2, 4, None)], name, tmp_path / "plot.png")
    assert name in words_of(tmp_path / "plot.svg")
