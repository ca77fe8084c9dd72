"""The record of the clips that a policy was trained on: labels, sizes, frame rates, durations.

With it the policy's folder suffices to place a score among the labels, and to notice a clip that
differs from all training clips (`vqathinker.scoring`).
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

_FACTS = ("fps", "duration_s")
_SIDES = ("width", "height")
_DECIMALS = 4
_QUANTILES = 1000  # labels on record; no more are needed to say how many lie below a score
_SET = b"set"  # of a manifest's metadata, see datasets.manifest


def describe_labels(manifest: Path, videos: set[str]) -> dict[str, Any]:
    """Facts of the rows of a manifest that a run is trained on.

    Returns:
        `set` (its name), `label_origin` (see `datasets.card`; absent in older manifests),
        `videos` (how many), `mos` (the 0th to the 100th percentile of the labels on the training
        scale), `labels` (see `_count_labels`) and, as far as the manifest has them, the least and
        the greatest `side` (the shorter one, in pixels), `fps` and `duration_s`.
    """
    schema = pq.read_schema(manifest)
    columns = {"video", "mos_training", *_FACTS, *_SIDES} & set(schema.names)
    table = pd.read_parquet(manifest, columns=sorted(columns))
    rows = table[table["video"].isin(videos)]
    known = json.loads((schema.metadata or {}).get(_SET, b"{}"))
    origin = known.get("label_origin", "computed" if known.get("made") else None)
    if set(_SIDES) <= columns:
        rows = rows.assign(side=rows[list(_SIDES)].min(axis=1))
    facts = [name for name in ("side", *_FACTS) if name in rows and rows[name].notna().any()]
    return {
        "set": known.get("set", manifest.parent.name),
        **({"label_origin": origin} if origin else {}),
        "videos": len(rows),
        "mos": np.percentile(rows["mos_training"], np.arange(101)).round(_DECIMALS).tolist(),
        "labels": _count_labels(rows["mos_training"].to_numpy(dtype=float).round(_DECIMALS)),
        **{name: [float(rows[name].min()), float(rows[name].max())] for name in facts},
    }


def _count_labels(labels: NDArray[np.float64]) -> dict[str, list[float]]:
    """`values` of the labels, and how many labels lie `below` and `up_to` (at or below) each.

    Percentiles alone lose where labels tie. Every value is listed among up to a thousand labels.
    """
    values = np.unique(
        np.quantile(labels, np.linspace(0, 1, _QUANTILES + 1), method="inverted_cdf")
    )
    ordered = np.sort(labels)
    return {
        "values": values.tolist(),
        "below": np.searchsorted(ordered, values, side="left").tolist(),
        "up_to": np.searchsorted(ordered, values, side="right").tolist(),
    }
