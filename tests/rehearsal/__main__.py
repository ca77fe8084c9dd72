"""The whole workflow at paper scale, or single-gpu, on stand-ins: see docs/paper-scale.md.

python -m tests.rehearsal [--folder F] [--scale rehearsal] [--slurm] [TARGETS]

Targets are those of Snakemake; besides, `ladder` trains every run, and asks the released policy
about one benchmark. In place of targets `shell` serves
the stand-ins until it is stopped, and says which variables to set to work in the copy by hand.
With `--slurm`, as root, a cluster of one node is started here, which runs the jobs.
"""

# ruff: noqa: T201  what it says is its result
import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.rehearsal.project import TASK_SETS, Project, prepare
from tests.rehearsal.summary import summarise
from tests.workflow.real.cluster import lacking, running_cluster

from vqathinker.phases.parameters import read_params


def main() -> int:
    """Rehearse; the exit code is that of the first command that fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal", description=__doc__)
    parser.add_argument("targets", nargs="*", default=["all"])
    parser.add_argument("--folder", type=Path, default=Path(".cache/rehearsal"))
    parser.add_argument(
        "--scale", default="rehearsal", choices=["rehearsal", "rehearsal-single-gpu"]
    )
    parser.add_argument("--slurm", action="store_true")
    given = parser.parse_args()
    if given.slurm and (why := lacking()):
        parser.error(why)
    began = time.monotonic()
    name = "slurm" if given.slurm else "project"
    project = prepare(given.folder.resolve(), given.scale, name)
    project.slurm = given.slurm
    print(f"prepared in {time.monotonic() - began:.0f} s", flush=True)
    if given.targets == ["shell"]:
        return _wait(project)
    with tempfile.TemporaryDirectory() as own, ExitStack() as stack:
        if given.slurm:
            stack.enter_context(running_cluster(Path(own) / "cluster", os.cpu_count() or 1))
        code = _rehearse(project, given.targets)
    summarise(project, time.monotonic() - began)
    return code


def _rehearse(project: Project, targets: list[str]) -> int:
    """What a person types, one command after the other; the exit code of the first that fails."""
    project.drop()
    for name in TASK_SETS:
        there = (project.folder / "data" / name / "source.json").is_file()
        if not there and (code := project.run("vqathinker", "data", "fetch", name).code):
            return code
    spelled = [name for name in targets if name != "ladder"]
    spelled += _ladder(project) if "ladder" in targets else []
    if code := project.snakemake(*spelled).code:
        return code
    results = f"results/{project.scale}"
    if "all" not in targets:
        return 0
    for command in (("summary", results), ("archive", results, "--out", f"{project.scale}.zip")):
        if code := project.run("vqathinker", *command).code:
            return code
    return 0


def _ladder(project: Project) -> list[str]:
    """The policy of every run that is trained, and what the authors' own says."""
    params = read_params(project.folder / "params.yaml")
    trained = [name for name, row in params["runs"].items() if row["train"]]
    policies = [f"models/{project.scale}/{name}/policy" for name in trained]
    return [*policies, f"results/{project.scale}/predictions/released/konvid_1k.parquet"]


def _wait(project: Project) -> int:
    own = {name: value for name, value in project.environment.items() if name in _SHOWN}
    print(*(f"export {name}={value!r}" for name, value in own.items()), sep="\n")
    print(f"cd {project.folder}", flush=True)
    project.origins.thread.join()
    return 0


_SHOWN = {
    "HTTPS_PROXY", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HF_HOME",
    "TORCH_HOME", "HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_TELEMETRY", "PYTHONPATH", "HF_TOKEN",
    "LIVE_VQC_PASSWORD", "LIVE_YT_HFR_PASSWORD",
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
