"""Compare outputs of the tiny pipeline with the golden values in results.json.

Data sets are compared by hash; weights, scores and metrics as numbers. Processors of another type
round differently, in video encoders too, and training amplifies the difference. On such a machine
only the names of files are compared.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import safe_open

GOLDEN = Path(__file__).with_name("results.json")
TOLERANCE = 2e-3

# Pattern of the outputs of each job.
OUTPUTS = {
    "fetch": "data/*/source/**/*.*",
    "manifest": "data/*/manifest.parquet",
    "decode": "clips/*/*/0*.safetensors",
    "perturb": "clips/*/*/perturbations.parquet",
    "base": "models/base/*/*.safetensors",
    "train": "models/demo/*/history.csv",
    "export": "models/demo/*/policy/*.safetensors",
    "predict": "results/demo/predictions/*/*.parquet",
    "predict_perturbed": "results/demo/perturbed/*/*.parquet",
    "metrics": "results/demo/metrics/*/*.json",
    "preference": "results/demo/preference/*/*.json",
    "ask": "results/demo/understanding/answers/*/*.parquet",
    "measure": "results/demo/understanding/measures/*/*.json",
    "tables": "results/demo/tables/*.csv",
    "metrics_json": "results/demo/numbers/**/*.json",
    "figures": "results/demo/figures/*.csv",
    "thumbnails": "results/demo/thumbnails/*/*.*",
}
EXACT = {"fetch", "manifest", "decode", "perturb", "thumbnails"}


def summarize_outputs(project: Path) -> dict[str, dict[str, Any]]:
    """Hash or numbers of each output, by job and path."""
    return {
        job: {
            path.relative_to(project).as_posix(): _hash(path) if job in EXACT else _numbers(path)
            for path in sorted(project.glob(pattern))
            if path.is_file()
        }
        for job, pattern in OUTPUTS.items()
    }


def changed_files(before: dict[str, Any], now: dict[str, Any], *, same_machine: bool) -> list[str]:
    """Files of a job that changed; on another machine, only new and missing files."""
    if not same_machine:
        return sorted(before.keys() ^ now.keys())
    return [
        path
        for path in sorted(before.keys() | now.keys())
        if not _are_equal(before.get(path), now.get(path))
    ]


def _are_equal(before: Any, now: Any) -> bool:
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        return np.allclose(before, now, rtol=TOLERANCE, atol=TOLERANCE)
    return bool(before == now)


def _hash(path: Path) -> str:
    if path.suffix == ".parquet":  # without metadata, which contains provenance
        content = pd.read_parquet(path).to_csv().encode()
    elif path.suffix == ".safetensors":
        content = b"".join(tensor.tobytes() for tensor in _tensors(path))
    else:
        content = path.read_bytes()
    return hashlib.sha256(content).hexdigest()[:16]


def _numbers(path: Path) -> list[float]:
    """Mean and standard deviation of each tensor or column; all numbers of a JSON file."""
    if path.suffix == ".safetensors":
        return _moments(_tensors(path))
    if path.suffix == ".json":
        content = json.loads(path.read_text(encoding="utf-8"))
        return [round(value, 6) for value in _leaves(content)]
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    columns = (table[name] for name in table.select_dtypes("number"))
    return [len(table), *_moments(column.dropna().to_numpy() for column in columns)]


def _moments(arrays: Iterable[Any]) -> list[float]:
    arrays = (np.asarray(array, np.float64) for array in arrays)
    return [
        round(float(moment(array)), 6)
        for array in arrays
        if array.size
        for moment in (np.mean, np.std)
    ]


def _tensors(path: Path) -> Iterator[Any]:
    with safe_open(path, framework="np") as file:
        for name in sorted(file.keys()):
            yield file.get_tensor(name)


def _leaves(content: Any) -> Iterator[float]:
    if isinstance(content, dict):
        for key in sorted(content):
            yield from _leaves(content[key]) if key != "provenance" else ()
    elif isinstance(content, list):
        for item in content:
            yield from _leaves(item)
    elif isinstance(content, (int, float)):
        yield content
