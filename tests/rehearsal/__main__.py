"""Run the workflow of scale paper or single-gpu on stand-ins: see docs/paper-scale.md.

python -m tests.rehearsal [--folder F] [--scale rehearsal] [--slurm] [TARGETS]

TARGETS are targets of Snakemake, or `ladder` or `shell`. `ladder` trains every run and evaluates
the released policy on one benchmark. `shell` runs only the servers, and prints the variables to set
for commands in the copy. `--slurm` (as root) runs jobs on a SLURM cluster of one node.
"""

# ruff: noqa: T201
import argparse
import csv
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.rehearsal.project import TASK_SETS, Project, prepare
from tests.rehearsal.scale import REHEARSED, scale_of
from tests.workflow.integration.cluster import running_cluster, why_impossible

from vqathinker.phases.parameters import read_params


def main() -> int:
    """Rehearse, and return the exit code of the first command that fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal", description=__doc__)
    parser.add_argument("targets", nargs="*", default=["all"])
    parser.add_argument("--folder", type=Path, default=Path(".cache/rehearsal"))
    parser.add_argument("--scale", default="rehearsal", choices=[*map(scale_of, REHEARSED)])
    parser.add_argument("--slurm", action="store_true")
    options = parser.parse_args()
    if options.slurm and (why := why_impossible()):
        parser.error(why)
    began = time.monotonic()
    project = prepare(options.folder.resolve(), options.scale, slurm=options.slurm)
    print(f"prepared in {time.monotonic() - began:.0f} s", flush=True)
    if options.targets == ["shell"]:
        return _serve(project)
    with tempfile.TemporaryDirectory() as own, ExitStack() as stack:
        if options.slurm:
            stack.enter_context(running_cluster(Path(own) / "cluster", os.cpu_count() or 1))
        code = _rehearse(project, options.targets)
    _print_costs(project.folder / "logs" / "benchmark")
    print(f"{time.monotonic() - began:.0f} s")
    return code


def _rehearse(project: Project, targets: list[str]) -> int:
    """Run the commands of a user; return the exit code of the first that fails."""
    project.add_manual_files()
    for name in TASK_SETS:
        present = (project.folder / "data" / name / "source.json").is_file()
        if not present and (code := project.run("vqathinker", "data", "fetch", name)):
            return code
    wanted = [name for name in targets if name != "ladder"]
    wanted += _ladder(project) if "ladder" in targets else []
    if code := project.snakemake(*wanted):
        return code
    results = f"results/{project.scale}"
    if "all" not in targets:
        return 0
    return project.run("vqathinker", "summary", results) or project.run(
        "vqathinker", "archive", results, "--output", f"{project.scale}.zip"
    )


def _ladder(project: Project) -> list[str]:
    """Targets: all trained policies, and predictions of the released policy."""
    params = read_params(project.folder / "params.yaml")
    trained = [name for name, row in params["runs"].items() if row["train"]]
    policies = [f"models/{project.scale}/{name}/policy" for name in trained]
    return [*policies, f"results/{project.scale}/predictions/released/konvid_1k.parquet"]


def _serve(project: Project) -> int:
    changed = project.environment.items() - os.environ.items()
    print(*(f"export {name}={value!r}" for name, value in sorted(changed)), sep="\n")
    print(f"cd {project.folder}", flush=True)
    project.origins.thread.join()
    return 0


def _print_costs(benchmarks: Path) -> None:
    """Print the jobs of each rule, their processor time and their largest memory."""
    for rule in sorted(benchmarks.glob("*")):
        rows = [
            row
            for path in rule.rglob("*.tsv")
            for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines(), delimiter="\t")
        ]
        seconds, memory = (
            [float(row[key]) for row in rows if row[key] not in {"", "NA", "-"}]
            for key in ("cpu_time", "max_rss")
        )
        print(f"{rule.name:20}{len(rows):5}{sum(seconds):9.0f} s{max(memory, default=0):8.0f} MB")


if __name__ == "__main__":
    sys.exit(main())
