"""Claims about the figure of ranks."""

from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from vqathinker.reporting.figures import write_ranks
from vqathinker.reporting.plot_data import RANKS as COLUMNS
from vqathinker.reporting.plot_data import ranks


def line(method: str, benchmark: str, srcc: float | None, **other: Any) -> dict[str, Any]:
    known = {"training_data": "LSVQ", "ours": False, "domain": "in-domain"}
    return {
        "method": method,
        "benchmark": benchmark,
        "srcc": srcc,
        "ranked": True,
        **known,
        **other,
    }


LINES = [
    line("A", "one", 0.9),
    line("B", "one", 0.8),
    line("C", "one", 0.9),
    line("D", "one", 0.95, ranked=False),
    line("A", "average", 0.1),
    line("grpo", "one", 0.85, ours=True),
    line("grpo", "one", 0.99, ours=True),
    line("grpo", "two", None, ours=True),
    line("A", "two", 0.7),
]


def test_equal_methods_share_a_rank_and_what_may_not_be_ranked_has_none() -> None:
    table = ranks(LINES)
    assert tuple(table.columns) == COLUMNS
    one = table[table["benchmark"] == "one"].set_index("method")["rank"]
    assert one.to_dict() == {"A": 1.5, "C": 1.5, "grpo": 3, "B": 4}
    assert table["methods"].tolist() == [4, 4, 4, 4, 1]


def test_a_run_is_ranked_by_the_score_that_counts() -> None:
    table = ranks(LINES)
    assert table.loc[table["method"] == "grpo", "srcc"].tolist() == [0.85]


def test_it_is_drawn_and_without_numbers_it_says_so(tmp_path: Path) -> None:
    for name, lines in (("some", LINES), ("none", [])):
        write_ranks(lines, tmp_path / name)
        with Image.open(tmp_path / name / "ranks.png") as image:
            image.verify()
    assert pd.read_csv(tmp_path / "none" / "ranks.csv").empty
    again = tmp_path / "again"
    write_ranks(LINES, again)
    for name in ("ranks.csv", "ranks.png", "ranks.svg"):
        assert (again / name).read_bytes() == (tmp_path / "some" / name).read_bytes()
