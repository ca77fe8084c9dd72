"""What the page is made from, and where it finds it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from vqathinker.errors import reading
from vqathinker.products import FIGURES, TABLE

__all__ = ["PageSources", "read_attribution_rows", "read_figure"]


class PageSources(NamedTuple):
    """Folders and files.

    Attributes:
        tables: the folder that `tables.write` wrote with these `params`.
        figures: the folder of figures; the page draws their numbers, as far as they are there.
        params: params.yaml or the file of a job of the report.
        predictions: of every run on every benchmark.
        manifests: benchmark to its manifest; a benchmark without one has no points.
        perturbed: predictions on perturbed copies, as far as there are any.
        thumbnails: a folder for each benchmark, named as it; without one, points show no frames.
    """

    tables: Path
    figures: Path
    params: Path
    predictions: tuple[Path, ...] = ()
    manifests: Mapping[str, Path] = {}
    perturbed: tuple[Path, ...] = ()
    thumbnails: tuple[Path, ...] = ()


def read_figure(folder: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a figure's CSV, None where nothing stands; none where it was not drawn.

    Raises:
        InputError: it is there, and cannot be read.
    """
    path = folder / f"{name}.csv"
    if not path.is_file():
        return []
    words = dict.fromkeys(("run", "benchmark", "video", "kind", "group", "by", "method"), str)
    with reading(path, *FIGURES):
        table = pd.read_csv(path, dtype=words)
        return table.astype(object).where(table.notna(), None).to_dict("records")


def read_attribution_rows(tables: Path) -> list[dict[str, Any]]:
    """The rows of `attribution.csv` with numbers as such; none where it is not there.

    Raises:
        InputError: it is there, and cannot be read.
    """
    path = tables / "attribution.csv"
    if not path.is_file():
        return []
    with reading(path, *TABLE):
        table = pd.read_csv(path, dtype={"run": str, "task": str, "name": str})
        return table.astype(object).where(table.notna(), None).to_dict("records")
