"""Times of files after `dvc pull`, so that Snakemake does not make them again.

Snakemake compares times, but DVC gives files the time of the pull. Outputs of stages that
`dvc repro` would skip therefore get the time of the latest file in workflow/keys.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path
from re import Pattern

from vqathinker.phases.keys import FOLDER
from vqathinker.phases.parameters import read_params
from vqathinker.phases.trees import Tree
from vqathinker.phases.yaml12 import parse_yaml

_LOCK, _SETTLED = Path("dvc.lock"), Path(".snakemake/settled")
_KEYS = "keys"  # the stage that writes workflow/keys, as this run of Snakemake has just done


def settle_pulled(params: Tree, outputs: Collection[Pattern[str]]) -> str | None:
    """Set the times once for each dvc.lock, after workflow/keys was written; returns a notice.

    Does nothing without DVC, inside a stage of DVC, or if `params` are not those of params.yaml,
    which are all that DVC knows.

    Args:
        params: the resolved parameters of this run.
        outputs: patterns of the outputs of rules. Other files keep their times, because DVC would
            hash them again.
    """
    program, keys = shutil.which("dvc"), [*(FOLDER / params["scale"]).rglob("*.json")]
    if "DVC_STAGE" in os.environ or program is None or not (keys and _LOCK.is_file()):
        return None
    text = _LOCK.read_bytes()
    digest = hashlib.sha256(text).hexdigest()
    settled = _SETTLED.is_file() and _SETTLED.read_text(encoding="utf-8") == digest
    if settled or read_params(Path("params.yaml")) != params:
        return None
    # Frames are never pulled, and DVC skips stages for which only data are missing.
    command = [program, "repro", "--dry", "--allow-missing"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        return f"`dvc repro --dry` failed; pulled files may be made again: {done.stderr.strip()}"
    skipped = skipped_stages(done.stdout)
    stages, latest = parse_yaml(text)["stages"], max(path.stat().st_mtime_ns for path in keys)
    for out in (Path(out["path"]) for name in skipped for out in stages[name]["outs"]):
        for path in [out, *out.rglob("*")]:
            # Snakemake keeps the time of a directory output in a file inside of it.
            output = path.parent if path.name == ".snakemake_timestamp" else path
            if path.is_file() and any(each.match(output.as_posix()) for each in outputs):
                os.utime(path, ns=(latest, latest), follow_symlinks=False)
    _SETTLED.parent.mkdir(exist_ok=True)
    _SETTLED.write_text(digest, encoding="utf-8")
    return f"Up to date according to dvc.lock: {', '.join(skipped)}." if skipped else None


def skipped_stages(output: str) -> list[str]:
    """Stages that `dvc repro --dry` skips before the first one that it runs.

    Later ones may follow from that one: DVC does not update its outputs in a dry run.

    >>> skipped_stages("Running stage 'keys':\\nStage 'data' didn't change, skipping\\n")
    ['data']
    """
    skipped = []
    for name, change in re.findall(
        r"^(?:Stage|Running stage) '(.+)'(:| didn't)", output, re.MULTILINE
    ):
        if change == ":" and name != _KEYS:
            break
        skipped += [name] if name != _KEYS else []
    return skipped
