"""The record of the training set of a policy: labels, sizes, frame rates, durations.

With this record, `vqathinker.scoring` can rank a score among the training labels, and warn about
clips that differ from all training clips, without the training set itself.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

_RECORDED_FIELDS = ("fps", "duration_s")
_SIDES = ("width", "height")
_DECIMALS = 4
_QUANTILES = 1000  # labels that are recorded, enough for the percentile of a score
_SET = b"set"  # key of a manifest's metadata, see datasets.manifest


def describe_training_set(manifest: Path, videos: set[str]) -> dict[str, Any]:
    """Facts about the rows of a manifest that a run is trained on.

    Returns:
        `set` (name), `label_origin` (see `datasets.card`), `videos` (number), `mos` (percentiles 0
        to 100 of the labels on the training scale), `labels` (see `_count_labels`) and, if the
        manifest has them, minimum and maximum of `side` (the shorter one, in pixels), `fps` and
        `duration_s`.
    """
    schema = pq.read_schema(manifest)
    columns = {"video", "mos_training", *_RECORDED_FIELDS, *_SIDES} & set(schema.names)
    table = pd.read_parquet(manifest, columns=sorted(columns))
    rows = table[table["video"].isin(videos)]
    metadata = json.loads((schema.metadata or {}).get(_SET, b"{}"))
    if set(_SIDES) <= columns:
        rows = rows.assign(side=rows[list(_SIDES)].min(axis=1))
    facts = [
        name for name in ("side", *_RECORDED_FIELDS) if name in rows and rows[name].notna().any()
    ]
    return {
        "set": metadata.get("set", manifest.parent.name),
        "label_origin": metadata.get("label_origin", "unknown"),
        "videos": len(rows),
        "mos": np.percentile(rows["mos_training"], np.arange(101)).round(_DECIMALS).tolist(),
        "labels": _count_labels(rows["mos_training"].to_numpy(dtype=float).round(_DECIMALS)),
        **{name: [float(rows[name].min()), float(rows[name].max())] for name in facts},
    }


def _count_labels(labels: NDArray[np.float64]) -> dict[str, list[float]]:
    """`values` of the labels, and how many labels are `below` and `up_to` (at or below) each.

    Up to a thousand labels are listed completely.
    """
    # Percentiles alone would not do: they lose how many labels are equal to a value.
    values = np.unique(
        np.quantile(labels, np.linspace(0, 1, _QUANTILES + 1), method="inverted_cdf")
    )
    ordered = np.sort(labels)
    return {
        "values": values.tolist(),
        "below": np.searchsorted(ordered, values, side="left").tolist(),
        "up_to": np.searchsorted(ordered, values, side="right").tolist(),
    }
