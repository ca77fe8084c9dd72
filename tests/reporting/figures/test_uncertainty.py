"""Error against spread: what is drawn, and that it is there only where there is a spread."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vqathinker.evaluation.measures import measure_score
from vqathinker.evaluation.predictions import read_predictions, write_predictions
from vqathinker.reporting.figures import write_uncertainty


def add_spread(path: Path, kind: str, shown: str) -> pd.DataFrame:
    said = read_predictions(path)
    rng = np.random.default_rng(0)
    spread, noise = rng.random((2, len(said.table)))
    score = said.table["score"] + noise
    table = said.table.assign(**{kind: score, "score": score, f"{kind}_spread": spread})
    write_predictions(path, table, said.provenance | {"decoding": {"score": shown}})
    return table


def test_without_a_spread_the_figure_says_so_and_the_table_is_empty(scale, tmp_path: Path) -> None:
    write_uncertainty(scale.predictions, scale.manifests, tmp_path)
    assert (tmp_path / "uncertainty.png").stat().st_size > 1000
    assert pd.read_csv(tmp_path / "uncertainty.csv").empty


@pytest.mark.parametrize(("kind", "shown"), [("mean", "mean"), ("expected", "greedy")])
def test_spread_and_error_stand_beside_each_video(
    scale, tmp_path: Path, kind: str, shown: str
) -> None:
    path = scale.predictions[2]
    told = add_spread(path, kind, shown)
    write_uncertainty(scale.predictions, scale.manifests, tmp_path)
    table = pd.read_csv(tmp_path / "uncertainty.csv")
    assert set(table["run"]) == {path.parent.name}
    assert set(table["benchmark"]) == {path.stem}
    assert set(table["score"]) == {kind}
    scored = told[told["score"].notna()]
    assert table["video"].tolist() == scored["video"].tolist()
    labels = pd.read_parquet(scale.manifests[path.stem]).set_index("video")["mos"]
    mos = told["video"].map(labels)
    expected = measure_score(told, mos, kind)["spread_error"]  # type: ignore[arg-type]
    assert table["spread"].corr(table["error"], method="spearman") == pytest.approx(expected)


def test_the_same_predictions_draw_the_same_bytes(scale, tmp_path: Path) -> None:
    add_spread(scale.predictions[2], "mean", "mean")
    for name in ("one", "two"):
        write_uncertainty(scale.predictions, scale.manifests, tmp_path / name)
    first, second = (tmp_path / name / "uncertainty.png" for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()
