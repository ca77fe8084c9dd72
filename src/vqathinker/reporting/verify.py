"""Check that the tables of a results folder can be reproduced from its predictions.

Metrics are computed again from predictions and manifests, and tables from these metrics, without
loading a model or a clip. Files are compared with their recorded hashes. Numbers may differ by
1e-9, because rounding depends on the machine.
"""

import csv
import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.errors import read_json, reading
from vqathinker.evaluation.metrics import write_metrics
from vqathinker.evaluation.predictions import read_predictions
from vqathinker.params import IntervalsParams
from vqathinker.parquet import read_columns
from vqathinker.phases.trees import leaves, without
from vqathinker.phases.yaml12 import dump_yaml
from vqathinker.products import MANIFEST, METRICS
from vqathinker.reporting.explain import DIFFERS, MISSING, state_of
from vqathinker.reporting.formats import write_text
from vqathinker.reporting.provenance import (
    PROVENANCE,
    Provenance,
    locate,
    read_provenance,
    row_name,
)
from vqathinker.reporting.tables import TableInputs, write_tables

_MAX_LISTED = 5  # differing cells that are listed
_NOT_HASHED = {"policy", "history", "receipt"}  # too large, or with another kind of hash
_ORIGIN = "provenance"  # key of metrics with file names, which differ in a copy


class Finding(NamedTuple):
    """A file of the results and its differences; none if it agrees."""

    name: str
    wrong: list[str]


def verify(results: Path) -> Iterator[Finding]:
    """Compare hashes, metrics and tables with recomputed ones; yields a finding for each.

    Raises:
        InputError: the folder has no tables, or their inputs cannot be used.
    """
    provenance = read_provenance(results)
    root = provenance.root(results)
    paths = {name: [root / path for path in of] for name, of in provenance.inputs.items()}
    yield Finding("hashes", list(_wrong_hashes(provenance, root)))
    with tempfile.TemporaryDirectory(prefix="vqathinker-") as name:
        scratch = Path(name)
        recomputed = [
            scratch / "metrics" / f"{number}.json" for number in range(len(paths["metrics"]))
        ]
        for path, out in zip(paths["metrics"], recomputed, strict=True):
            yield Finding(str(path), list(_compute_again(path, out, root)))
        # `tables` reads a job's parameter file, which has this structure.
        write_text(scratch / "params.yaml", dump_yaml({"params": dict(provenance.params)}))
        inputs = TableInputs(**{**paths, "metrics": recomputed})
        write_tables(scratch / "params.yaml", inputs, scratch / "tables")
        yield from _compare_tables(provenance, scratch / "tables")


def _wrong_hashes(provenance: Provenance, root: Path) -> Iterator[str]:
    recorded: dict[Path, str | None] = {
        provenance.folder / f"{name}.csv": entry["sha256"]
        for name, entry in provenance.tables.items()
    }
    for link in provenance.links():
        if link.path is not None and link.kind not in _NOT_HASHED:
            recorded[locate(link.path, root)] = link.sha256
    for path, sha256 in sorted(recorded.items()):
        if (state := state_of(path, sha256)) in {DIFFERS, MISSING}:
            yield f"{path}: {state}"


def _compute_again(path: Path, out: Path, root: Path) -> Iterator[str]:
    """Recompute the metrics at `path` and write them to `out`; yields differing keys."""
    before = read_json(path, *METRICS)
    inputs = before.get(_ORIGIN, {}).get("made_from")
    if inputs is None:  # metrics of a missing set are copied
        out.parent.mkdir(exist_ok=True)
        shutil.copy(path, out)
        return
    manifest, predictions = (root / inputs[key]["path"] for key in ("manifest", "predictions"))
    with reading(path, *METRICS):
        intervals = IntervalsParams.model_validate(inputs["parameters"]["intervals"])
    failures = _failures(before, manifest, predictions)
    write_metrics(manifest, predictions, failures, out, intervals=intervals, allow_incomplete=True)
    first, second = (
        dict(leaves(without(one, _ORIGIN))) for one in (before, read_json(out, *METRICS))
    )
    for key in dict.fromkeys([*first, *second]):
        if not _equal(was := first.get(key), now := second.get(key)):
            yield f"{'.'.join(key)} is {json.dumps(was)}, computed again {json.dumps(now)}"


def _failures(metrics: Mapping[str, Any], manifest: Path, predictions: Path) -> dict[str, str]:
    """Videos that could not be decoded, from the metrics, because the clips may be deleted."""
    rows = read_columns(manifest, ["video", "status"], MANIFEST)
    ok = set(rows.loc[rows["status"] == "ok", "video"])
    undecoded = ok - set(read_predictions(predictions).table["video"])
    return {video: why for video, why in metrics["not_scored"].items() if video in undecoded}


def _compare_tables(provenance: Provenance, recomputed: Path) -> Iterator[Finding]:
    recorded = provenance.folder
    folders = (recorded, recomputed)
    for name in sorted({path.name for folder in folders for path in folder.iterdir()}):
        # Snakemake writes a hidden file with the time into its output folders.
        if name.startswith(".") or name == PROVENANCE:
            continue
        first, second = recorded / name, recomputed / name
        if not (first.is_file() and second.is_file()):
            yield Finding(name, ["missing" if second.is_file() else "not a table of this version"])
        elif first.suffix == ".csv":
            key = provenance.tables[first.stem]["key"]
            yield Finding(name, list(_different_cells(first, second, key)))
        else:
            same = first.read_bytes() == second.read_bytes()
            yield Finding(name, [] if same else [f"{first}: the text differs"])


def _different_cells(recorded: Path, recomputed: Path, key: Sequence[str]) -> Iterator[str]:
    first, second = _cells(recorded, key), _cells(recomputed, key)
    wrong = [cell for cell in dict.fromkeys([*first, *second])
             if not _equal(first.get(cell), second.get(cell))]  # fmt: skip
    for row, column in wrong[:_MAX_LISTED]:
        was, now = (cells.get((row, column), "missing") for cells in (first, second))
        yield f"{row}, {column}: {was or 'empty'}, computed again {now or 'empty'}"
    if len(wrong) > _MAX_LISTED:
        yield f"and {len(wrong) - _MAX_LISTED} more cells"


def _cells(path: Path, key: Sequence[str]) -> dict[tuple[str, str], str]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row_name(row, key), name): cell for row in rows for name, cell in row.items()}


def _equal(recorded: Any, recomputed: Any) -> bool:
    if recorded == recomputed:
        return True
    try:
        return math.isclose(float(recorded), float(recomputed), rel_tol=1e-9, abs_tol=1e-9)
    except (TypeError, ValueError):
        return False
