"""The file of drawn perturbations: it gives back what was drawn, or says what it holds."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from vqathinker.errors import InputError
from vqathinker.params import PerturbationParams
from vqathinker.video.perturb import KINDS, Perturbation, draw_perturbations
from vqathinker.video.perturbation_table import PerturbationTable, write_perturbations

# docs/method.md, section 4.
PAPER: dict[str, Any] = {"window": 4, "jitter": 1, "duplicate_max": 3, "drop_max": 3}


def params(**changes: Any) -> PerturbationParams:
    return PerturbationParams(**({"kinds": list(KINDS), "draws": 8} | PAPER | changes))


def rows_of(table: pd.DataFrame) -> dict[tuple[str, int], tuple[str, list[int], list[bool]]]:
    return {(row.video, row.draw): (row.kind, row.indices, row.blank) for row in table.itertuples()}


def test_the_table_gives_back_what_was_drawn(tmp_path: Path) -> None:
    drawn_rows = draw_perturbations(["a.mp4", "b/c.mp4"], 6, 42, params())
    write_perturbations(drawn_rows, tmp_path / "p.parquet", {"seed": 42})
    table = PerturbationTable(tmp_path / "p.parquet")
    assert table.draws == 8
    for (video, number), (kind, indices, blank) in rows_of(drawn_rows).items():
        expected = Perturbation(kind, tuple(indices), tuple(blank))
        assert table.get(video, number) == expected
    metadata = pq.read_schema(tmp_path / "p.parquet").metadata
    assert json.loads(metadata[b"provenance"]) == {"seed": 42}


def test_the_table_is_the_same_file_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_perturbations(
            draw_perturbations(["a.mp4", "b.mp4"], 6, 42, params()), tmp_path / name, {}
        )
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


@pytest.mark.parametrize(("video", "number"), [("x.mp4", 0), ("a.mp4", 8), ("a.mp4", -1)])
def test_a_draw_that_is_not_there_is_an_error_that_says_which_are(
    tmp_path: Path, video: str, number: int
) -> None:
    write_perturbations(draw_perturbations(["a.mp4"], 6, 42, params()), tmp_path / "p.parquet", {})
    with pytest.raises(KeyError, match=rf"no draw {number} of video '{video}'.*draws 0\.\.7 of 1"):
        PerturbationTable(tmp_path / "p.parquet").get(video, number)


@pytest.mark.parametrize(
    ("videos", "frames", "said"),
    [
        (["a.mp4", "b.mp4"], 6, "expected some for clips of 6 frames, and of b.mp4: draw them"),
        (["a.mp4"], 12, "for clips of 6 frames of 1 videos; expected some for clips of 12 frames"),
    ],
)
def test_perturbations_of_other_clips_are_told(
    tmp_path: Path, videos: list[str], frames: int, said: str
) -> None:
    path = tmp_path / "p.parquet"
    write_perturbations(draw_perturbations(["a.mp4"], 6, 42, params()), path, {})
    PerturbationTable(path).require(["a.mp4"], 6)
    with pytest.raises(InputError, match=said):
        PerturbationTable(path).require(videos, frames)
