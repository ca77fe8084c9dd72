"""What a rehearsal took, beside what `vqathinker plan` says of it and of the scale that it is of.

Prints three tables: rules that ran, with seconds and memory (of all processes of a job together);
bytes by folder against the forecast; and the training's steps against the forecast. Forecast and
use are of the same parameters, so where they differ the forecast of the real scale is off by as
much; but it counts every run, and the real policies, which are much larger than stand-ins.
"""

# ruff: noqa: T201  what it says is its result

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.rehearsal.project import ROOT, Project

__all__ = ["summarise"]

_FINISHED = re.compile(r"^Finished jobid: \d+ \(Rule: (\w+)\)$", re.MULTILINE)


def summarise(project: Project, seconds: float) -> None:
    """Print the three tables; `seconds` is the time by the clock, of this call alone."""
    rules = _rules_run(project.folder)
    print(f"\nRules run, of all calls so far ({seconds:.0f} s by the clock in this one):")
    cost = dict(_costs(project.folder))
    for rule, count in sorted(rules.items()):
        spent = cost.get(rule)
        told = "" if spent is None else f"{spent[0]:9.0f} s on a core {spent[1]:8.0f} MB at most"
        print(f"  {rule:18}{count:5}{told}")
    own = _plan(project, project.scale)
    used = _used(project)
    print("\nBytes, as they are and as planned for every run and the real policies:")
    for room, planned in own["disk"]["rooms"].items():
        print(f"  {room:12}{_bytes(used.get(room, 0)):>12}{_bytes(planned):>12}")
    print("\nTraining: steps, videos of a step, and what the log says of both:")
    for run in own["runs"]:
        log = project.folder / "logs" / "train" / project.scale / f"{run['name']}.log"
        text = log.read_text(encoding="utf-8") if log.is_file() else ""
        said = re.search(r"^run .*", text, re.MULTILINE)
        shown = said[0] if said else "not run"
        print(f"  {run['name']:24}{run['steps']:4}{run['videos_per_step']:5}   {shown}")
    real = _plan(
        project, project.scale.removeprefix("rehearsal-").replace("rehearsal", "paper"), ROOT
    )
    rooms = ", ".join(f"{room} {_bytes(size)}" for room, size in real["disk"]["rooms"].items())
    hours = ", ".join(f"{phase} {spent:.1f}" for phase, spent in real["hours"].items())
    print(f"\n{real['scale']} on H100: {rooms}; hours: {hours}")


def _rules_run(folder: Path) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for log in (folder / ".snakemake" / "log").glob("*.log"):
        for rule in _FINISHED.findall(log.read_text(encoding="utf-8", errors="replace")):
            found[rule] += 1
    return found


def _costs(folder: Path) -> Iterator[tuple[str, tuple[float, float]]]:
    """Seconds on a core and most memory (MB) of each rule that keeps them."""
    for rule in sorted((folder / "logs" / "benchmark").glob("*")):
        rows = []
        for path in rule.rglob("*.tsv"):
            with path.open(encoding="utf-8") as file:
                rows += list(csv.DictReader(file, delimiter="\t"))
        seconds = sum(_number(row["cpu_time"]) for row in rows)
        yield rule.name, (seconds, max(_number(row["max_rss"]) for row in rows))


def _number(text: str) -> float:
    return float(text) if text not in {"", "NA", "-"} else 0.0


def _plan(project: Project, scale: str, at: Path | None = None) -> dict[str, Any]:
    done = project.run_quietly(
        "vqathinker", "plan", "--scale", scale, "--gpu", "H100", "--json", at=at
    )
    content: dict[str, Any] = json.loads(done.said)
    return content


def _used(project: Project) -> dict[str, int]:
    places = {name: project.folder / name for name in ("data", "clips", "models")}
    places["$HF_HOME"] = project.folder.parent / "home" / "huggingface"
    return {name: _size(path) for name, path in places.items()}


def _size(folder: Path) -> int:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files)


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
