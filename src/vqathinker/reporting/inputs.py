"""What the tables of a results folder were made from: enough to make them again.

`tables/inputs.json`, with the parameters of the job and the files of each option of the command.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, read_json
from vqathinker.phases.keys import job_params
from vqathinker.phases.parameters import read_params
from vqathinker.phases.yaml12 import dump_yaml

__all__ = ["INPUTS", "TableInputs", "read_inputs", "write_inputs", "write_params"]

INPUTS = "inputs.json"
_JOB = "tables"


class TableInputs(NamedTuple):
    """Parameters of the job `tables`, and files by the option that they were given to."""

    params: dict[str, Any]
    files: dict[str, list[Path]]


def write_inputs(out_dir: Path, params: Path, files: Mapping[str, Sequence[Path]]) -> None:
    """Write what the tables in `out_dir` were made from.

    Args:
        out_dir: the folder of tables.
        params: params.yaml or the file of the job.
        files: paths by the name of the command's option.

    Raises:
        InputError: the parameters cannot be read.
    """
    told = read_params(params)
    wanted = job_params(told)[_JOB] if "training" in told else told  # the file of a job is that
    listed = {name: [path.as_posix() for path in paths] for name, paths in files.items()}
    text = json.dumps({"params": wanted, "files": listed}, indent=1, ensure_ascii=False)
    with whole_file(out_dir / INPUTS) as part:
        part.write_text(text + "\n", encoding="utf-8")


def read_inputs(tables: Path) -> TableInputs:
    """Read what `write_inputs` wrote into a folder of tables.

    Raises:
        InputError: it is not there, or something else.
    """
    path = tables / INPUTS
    expected, remedy = "what tables were made from", "write them again with `vqathinker tables`"
    content = read_json(path, expected, remedy)
    if not all(isinstance(content.get(key), dict) for key in ("params", "files")):
        raise InputError(f"{path}: is not {expected}, or is damaged: {remedy}")
    files = {name: [Path(path) for path in paths] for name, paths in content["files"].items()}
    return TableInputs(content["params"], files)


def write_params(path: Path, params: Mapping[str, Any]) -> None:
    """Write these parameters so that a command takes them, as it takes the file of a job."""
    text = dump_yaml({"params": dict(params)})
    path.write_text(text, encoding="utf-8")
