"""Claims about the figures of agreement with MOS: scatter, calibration, residuals."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vqathinker.evaluation.predictions import read_predictions, write_predictions
from vqathinker.reporting.figures import write_calibration, write_residuals, write_scatters
from vqathinker.reporting.plot_data import JUDGED as COLUMNS
from vqathinker.reporting.plot_data import calibration, judged_videos, residuals


def judged(score: np.ndarray, mos: np.ndarray, **known: object) -> pd.DataFrame:
    """Videos of one run on one benchmark."""
    videos = [f"{number:03d}.mp4" for number in range(len(score))]
    whole = {"run": "grpo", "benchmark": "seen", "content": None, "kind": None, **known}
    table = pd.DataFrame({"video": videos, "mos": mos, "mos_training": mos, "score": score})
    return table.assign(**whole)[list(COLUMNS)]


def is_drawn(path: Path) -> bool:
    """A picture as PNG, and as SVG without a date."""
    with Image.open(path) as image:
        image.verify()
    text = path.with_suffix(".svg").read_text(encoding="utf-8")
    return text.rstrip().endswith("</svg>") and "dc:date" not in text


def test_every_scored_video_of_a_run_is_judged(finished) -> None:
    table = judged_videos(finished.predictions, finished.manifests)
    assert tuple(table.columns) == COLUMNS
    assert table.groupby(["run", "benchmark"]).size().to_dict() == {
        (run, name): 10 for run in ("base", "grpo") for name in ("seen", "unseen")
    }
    assert not {"00.mp4", "05.mp4"} & set(table["video"])
    assert table["kind"].isna().all()


def test_a_benchmark_without_manifest_is_refused(scale) -> None:
    seen = {"seen": scale.manifests["seen"]}
    with pytest.raises(ValueError, match=r"unseen\.parquet is of unseen"):
        judged_videos(scale.predictions, seen)


def test_without_any_score_figures_are_there_all_the_same(scale) -> None:
    for path in scale.predictions:
        read = read_predictions(path)
        write_predictions(path, read.table.assign(score=float("nan")), read.provenance)
    table = judged_videos(scale.predictions, scale.manifests)
    write_scatters(table, scale.figures)
    write_calibration(table, scale.figures)
    write_residuals(table, scale.figures)
    for name in ("scatter", "calibration", "residuals"):
        assert pd.read_csv(scale.figures / f"{name}.csv").empty
    assert is_drawn(scale.figures / "calibration.png")


def test_a_score_half_a_point_too_high_is_seen_by_calibration_alone() -> None:
    mos = np.linspace(1, 5, 103)
    bins = calibration(judged(mos + 0.5, mos))
    assert bins["n"].tolist() == [11, 11, 11, *[10] * 7]
    np.testing.assert_allclose(bins["score"] - bins["mos"], 0.5)
    assert (bins["low"] < bins["mos"]).all()


def test_few_videos_make_few_bins_and_one_has_no_interval() -> None:
    mos = np.linspace(1, 5, 12)
    assert calibration(judged(mos, mos))["n"].tolist() == [6, 6]
    one = calibration(judged(mos[:1], mos[:1]))
    assert one["n"].tolist() == [1]
    assert one["low"].isna().all()


def test_an_interval_of_calibration_is_the_mean_of_a_normal_sample() -> None:
    mos = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    low, high = calibration(judged(mos, mos))[["low", "high"]].iloc[0]
    # t of 4 degrees of freedom is 2.776445; the standard error is sqrt(2.5 / 5).
    assert (low, high) == pytest.approx((3 - 2.776445 * 0.5**0.5, 3 + 2.776445 * 0.5**0.5))


def test_what_is_underrated_has_a_positive_residual() -> None:
    mos = np.tile([2.0, 4.0], 10)
    kind = np.repeat(["blur", "noise"], 10)
    score = mos - np.where(kind == "blur", 0.2, -0.2)
    table = residuals(judged(score, mos, kind=kind))
    assert table["by"].tolist() == ["kind", "kind"]
    means = dict(zip(table["group"], table["mean"], strict=True))
    assert means["blur"] > 0.15
    assert means["blur"] == pytest.approx(-means["noise"])


def test_contents_of_one_video_each_group_nothing() -> None:
    mos = np.linspace(1, 5, 10)
    noisy = mos + np.sin(np.arange(10))
    assert residuals(judged(noisy, mos, content=[f"c{n}" for n in range(10)])).empty
    assert residuals(judged(np.full(10, 3.0), mos, content=["a", "b"] * 5)).empty
    both = residuals(judged(noisy, mos, content=["a", "b"] * 5))
    assert both["n"].tolist() == [5, 5]


def test_the_same_numbers_give_the_same_bytes(scale, tmp_path: Path) -> None:
    table = judged_videos(scale.predictions, scale.manifests)
    table = table.assign(kind=np.where(table["mos"] > 3, "blur", "noise"))
    for folder in (tmp_path / "one", tmp_path / "two"):
        for write in (write_scatters, write_calibration, write_residuals):
            write(table, folder)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert [name for name in names if name.endswith(".png")] == [
        *["calibration.png", "residuals_base.png", "residuals_grpo.png"],
        *["scatter_base.png", "scatter_grpo.png"],
    ]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert all(is_drawn(tmp_path / "one" / name) for name in names if name.endswith(".png"))
