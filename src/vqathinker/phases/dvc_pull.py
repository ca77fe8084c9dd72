"""Times of files after `dvc pull`, so that Snakemake does not make the files again.

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

_LOCK, _DONE = Path("dvc.lock"), Path(".snakemake/settled")  # the SHA-256 of the last dvc.lock
_KEYS = "keys"  # the stage that writes workflow/keys, as this run of Snakemake has just done


def reset_pulled_times(params: Tree, outputs: Collection[Pattern[str]]) -> str | None:
    """Set the times once for each dvc.lock, after workflow/keys is written; returns a notice.

    Nothing happens without DVC, inside a stage of DVC, or if `params` differ from params.yaml,
    because DVC knows only that file.

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
    done = _DONE.is_file() and _DONE.read_text(encoding="utf-8") == digest
    if done or read_params(Path("params.yaml")) != params:
        return None
    # --allow-missing: clips are never pulled, so DVC must skip stages that only lack data.
    command = [program, "repro", "--dry", "--allow-missing"]
    dry_run = subprocess.run(command, check=False, capture_output=True, text=True)
    if dry_run.returncode:
        reason = dry_run.stderr.strip()
        return f"`dvc repro --dry` failed, so pulled files may be made again: {reason}"
    skipped = skipped_stages(dry_run.stdout)
    stages, latest = parse_yaml(text)["stages"], max(path.stat().st_mtime_ns for path in keys)
    for out in (Path(out["path"]) for name in skipped for out in stages[name]["outs"]):
        for path in [out, *out.rglob("*")]:
            # Snakemake stores the time of an output folder in a file inside it.
            output = path.parent if path.name == ".snakemake_timestamp" else path
            if path.is_file() and any(pattern.match(output.as_posix()) for pattern in outputs):
                os.utime(path, ns=(latest, latest), follow_symlinks=False)
    _DONE.parent.mkdir(exist_ok=True)
    _DONE.write_text(digest, encoding="utf-8")
    return f"Up to date according to dvc.lock: {', '.join(skipped)}." if skipped else None


def skipped_stages(output: str) -> list[str]:
    """Stages that `dvc repro --dry` skips before the first one that it would run.

    Later stages may depend on that one, whose outputs DVC does not update in a dry run.

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
