"""Times of files after `dvc pull`, so that Snakemake does not make them again.

Snakemake compares times, but DVC gives files the time of the pull. dvc.lock and `dvc status` say
which stages are up to date. Their outputs get the time of the latest file in workflow/keys.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path
from re import Pattern
from typing import Any

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
    command = [program, "status", "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        return f"`dvc status` failed; pulled files may be made again: {done.stderr.strip()}"
    stages = parse_yaml(text)["stages"]
    fresh = fresh_stages(stages, json.loads(done.stdout))
    latest = max(path.stat().st_mtime_ns for path in keys)
    for out in (Path(out["path"]) for name in fresh for out in stages[name].get("outs", [])):
        for path in [out, *out.rglob("*")]:
            # Snakemake keeps the time of a directory output in a file inside of it.
            output = path.parent if path.name == ".snakemake_timestamp" else path
            if path.is_file() and any(each.match(output.as_posix()) for each in outputs):
                os.utime(path, ns=(latest, latest), follow_symlinks=False)
    _SETTLED.parent.mkdir(exist_ok=True)
    _SETTLED.write_text(digest, encoding="utf-8")
    made = [name for name in fresh if name != _KEYS]
    return f"Up to date according to dvc.lock: {', '.join(made)}." if made else None


def fresh_stages(stages: Mapping[str, Any], status: Mapping[str, list[Any]]) -> list[str]:
    """Stages of dvc.lock whose outputs are what they would be if they ran now.

    Nothing about a stage has changed, and the stages before it are fresh. A missing output, such as
    frames that are never pulled, counts as unchanged.

    Args:
        stages: by name, as in dvc.lock.
        status: output of `dvc status --json`.
    """
    outs = {
        out["path"]: (name, out.get("md5"))
        for name, stage in stages.items()
        for out in stage.get("outs", [])
    }

    def is_fresh(name: str) -> bool:
        if name == _KEYS:
            return True
        for change in status.get(name, []):  # "changed command", or paths with their states
            paths = [] if isinstance(change, str) else [*change.values()]
            missing = ((path in outs, state) for each in paths for path, state in each.items())
            if not paths or any(each != (True, "deleted") for each in missing):
                return False
        return all(
            is_fresh(maker) and (dep["path"] != path or dep.get("md5") == md5)
            for dep in stages[name].get("deps", [])
            for path, (maker, md5) in outs.items()
            if f"{dep['path']}/".startswith(f"{path}/") or path.startswith(f"{dep['path']}/")
        )

    return [name for name in stages if is_fresh(name)]
