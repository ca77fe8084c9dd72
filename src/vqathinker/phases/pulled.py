"""Files that `dvc pull` brought, and the times that Snakemake judges them by.

DVC gives files the time at which they come, in any order, and Snakemake would make all of them
again. DVC also knows by content what is up to date: where all that a stage of dvc.lock depends on
(parameters, code, data) and all that it made are what they were when it ran, and so are the stages
before it, its outputs follow. These, and no others, get the time of the latest file of a job, so
that nothing among them is newer than what follows from it. Nothing but the standard library and
PyYAML, as the Snakefile calls it.
"""

import hashlib
import json
import os
import subprocess
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePath
from re import Pattern
from typing import Any

from vqathinker.phases.keys import FOLDER
from vqathinker.phases.parameters import Tree, resolve
from vqathinker.phases.yaml12 import parse_yaml
from vqathinker.programs import find_program

_LOCK = Path("dvc.lock")
_PARAMS = Path("params.yaml")
_FLAG = ".snakemake_timestamp"  # the time of a folder that is an output
_ABSENT = "deleted"
_KEYS = "keys"  # the stage that writes the files of jobs, which whoever asks has just done
_SETTLED = Path(".snakemake/settled")

Status = Mapping[str, list[Any]]


def settle_pulled(params: Tree, outputs: Collection[Pattern[str]]) -> str | None:
    """Once for each dvc.lock: set times as above; returns what the user should know, if anything.

    Does nothing inside a stage of DVC, which has decided, without DVC, and where these are not the
    parameters of params.yaml, which are all that DVC knows of. To be called after the files of
    jobs were written.

    Args:
        params: the resolved parameters of this run.
        outputs: what the paths of rules' outputs look like.
    """
    program, files = find_program("dvc"), [*(FOLDER / params["scale"]).rglob("*.json")]
    if "DVC_STAGE" in os.environ or program is None or not (files and _LOCK.is_file()):
        return None
    text = _LOCK.read_bytes()
    digest = hashlib.sha256(text).hexdigest()
    if _SETTLED.is_file() and _SETTLED.read_text(encoding="utf-8") == digest:
        return None
    if resolve(parse_yaml(_PARAMS.read_text(encoding="utf-8"))) != params:
        return None
    done = subprocess.run(
        [program, "status", "--json"], check=False, capture_output=True, text=True
    )
    if done.returncode:
        why = (done.stderr.strip() or "no reason given").splitlines()[-1]
        return f"`dvc status` failed, so that files of `dvc pull` may be made again: {why}"
    stages = parse_yaml(text).get("stages") or {}
    fresh = fresh_stages(stages, json.loads(done.stdout))
    latest = max(path.stat().st_mtime_ns for path in files)
    for out in (out["path"] for name in fresh for out in stages[name].get("outs", [])):
        for path in _outputs_in(Path(out), outputs):
            os.utime(path, ns=(latest, latest), follow_symlinks=False)
    _SETTLED.parent.mkdir(exist_ok=True)
    _SETTLED.write_text(digest, encoding="utf-8")
    fresh = [name for name in fresh if name != _KEYS]
    return f"Up to date as dvc.lock has it: {', '.join(fresh)}." if fresh else None


def fresh_stages(stages: Mapping[str, Any], status: Status) -> list[str]:
    """Stages of dvc.lock whose outputs are what they would be if they ran now.

    An output that is not there (frames are never pulled) does not count against those that follow
    from it: dvc.lock says what it was.

    Args:
        stages: by name, as dvc.lock has them.
        status: what `dvc status --json` prints.
    """
    makers = {
        out["path"]: (name, out.get("md5"))
        for name, stage in stages.items()
        for out in stage.get("outs", [])
    }

    def is_fresh(name: str) -> bool:
        if name == _KEYS:
            return True
        if not all(_only_absent(entry, makers) for entry in status.get(name, [])):
            return False
        for dep in stages[name].get("deps", []):
            for path, (maker, made) in makers.items():
                if _overlap(dep["path"], path) and not is_fresh(maker):
                    return False
                if dep["path"] == path and dep.get("md5") != made:
                    return False
        return True

    return [name for name in stages if is_fresh(name)]


def _only_absent(entry: Any, makers: Collection[str]) -> bool:
    """Whether all that DVC finds is that outputs of stages are not there."""
    if not isinstance(entry, Mapping):
        return False
    return all(
        isinstance(changes, Mapping)
        and all(path in makers and said == _ABSENT for path, said in changes.items())
        for changes in entry.values()
    )


def _overlap(one: str, other: str) -> bool:
    first, second = PurePath(one), PurePath(other)
    return first.is_relative_to(second) or second.is_relative_to(first)


def _outputs_in(out: Path, outputs: Collection[Pattern[str]]) -> Iterator[Path]:
    """The files in an output of DVC whose times Snakemake looks at."""
    found = (
        [out]
        if out.is_file()
        else [Path(top, name) for top, _, names in os.walk(out) for name in names]
    )
    for path in found:
        told = path.parent if path.name == _FLAG else path
        if any(pattern.match(told.as_posix()) for pattern in outputs):
            yield path
