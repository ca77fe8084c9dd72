"""The whole workflow at paper scale, or single-gpu, on stand-ins: see docs/rehearsal.md.

python -m tests.rehearsal [--folder F] [--scale rehearsal] [TARGETS]; in place of targets `faults`
goes through what may go wrong, and `shell` serves the stand-ins until it is stopped, and says which
variables to set to work in the copy by hand.
"""

# ruff: noqa: T201  what it says is its result
import argparse
import sys
import time
from pathlib import Path

from tests.rehearsal.faults import rehearse_faults
from tests.rehearsal.project import TASK_SETS, Project, prepare


def main() -> int:
    """Rehearse; the exit code is that of the first command that fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal", description=__doc__)
    parser.add_argument("targets", nargs="*", default=["all"])
    parser.add_argument("--folder", type=Path, default=Path(".cache/rehearsal"))
    parser.add_argument(
        "--scale", default="rehearsal", choices=["rehearsal", "rehearsal-single-gpu"]
    )
    given = parser.parse_args()
    began = time.monotonic()
    faults = given.targets == ["faults"]
    project = prepare(given.folder.resolve(), given.scale, "faults" if faults else "project")
    print(f"prepared in {time.monotonic() - began:.0f} s", flush=True)
    if given.targets == ["shell"]:
        return _wait(project)
    if faults:
        wrong = rehearse_faults(project)
        print(f"{time.monotonic() - began:.0f} s; not as it should be: {wrong or 'nothing'}")
        return bool(wrong)
    project.drop()
    for name in TASK_SETS:
        there = (project.folder / "data" / name / "source.json").is_file()
        if not there and (code := project.run("vqathinker", "data", "fetch", name).code):
            return code
    code = project.snakemake(*given.targets).code
    print(f"{time.monotonic() - began:.0f} s in all", flush=True)
    return code


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
