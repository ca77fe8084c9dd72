"""A real cluster and a real conda, and a stand-in whose commands can be made to wait."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.workflow.conftest import STAND_IN, Copy, Project
from tests.workflow.real.cluster import Cluster, lacking, running_cluster
from tests.workflow.real.conda import make_conda

PROGRAM = f"""\
#!/bin/sh
echo "$1 $2,$SLURM_JOB_ID,$CUDA_VISIBLE_DEVICES" >> where.csv
case "$*" in "$(cat waits.txt 2> /dev/null || echo none)"*)
  echo "$SLURM_JOB_ID" > waiting.txt
  while [ -e waits.txt ]; do sleep 0.1; done;;
esac
if [ -e eats.txt ]; then "{sys.executable}" -c "import time; x = b'x' * 10**9; time.sleep(60)"; fi
exec "{sys.executable}" "{STAND_IN}" "$@"
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    mark = pytest.mark.skipif(
        "VQATHINKER_DOORS" not in os.environ,
        reason="takes minutes; `make test-doors` runs it (VQATHINKER_DOORS=1)",
    )
    for item in items:
        if here in item.path.parents:
            item.add_marker(mark)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A SLURM that runs; skipped where a package for it is missing."""
    if why := lacking():
        pytest.skip(why)
    with running_cluster(tmp_path_factory.mktemp("slurm") / "cluster") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stand-in, which tells where it runs, and waits or eats memory if asked."""
    folder = tmp_path_factory.mktemp("programs")
    program = folder / "vqathinker"
    program.write_text(PROGRAM, encoding="utf-8")
    program.chmod(0o755)
    return folder


class Held(Project):
    """A project whose stand-in can be held in a command, and let go on."""

    def hold(self, command: str) -> None:
        (self.folder / "waits.txt").write_text(f"{command}\n", encoding="utf-8")

    def wait_for_job(self) -> str:
        """Until the command waits; the id of its job."""
        waiting = self.folder / "waiting.txt"
        for _ in range(6000):
            if waiting.is_file() and (job := waiting.read_text(encoding="utf-8").strip()):
                waiting.unlink()
                return job
            time.sleep(0.1)
        raise TimeoutError("no job came to the command")

    def let_go(self) -> None:
        (self.folder / "waits.txt").unlink()

    def where(self) -> list[list[str]]:
        """Command, SLURM job and GPUs of every call."""
        text = (self.folder / "where.csv").read_text(encoding="utf-8")
        return [line.split(",") for line in text.splitlines()]


@pytest.fixture(scope="session")
def conda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a real conda."""
    return make_conda(tmp_path_factory.mktemp("conda") / "conda")


@pytest.fixture(scope="session")
def small_once(
    copy_with: Copy, tmp_path_factory: pytest.TempPathFactory, programs: Path
) -> Project:
    """The demo with one benchmark and a training that asks for a GPU, after a plain run.

    What conda would bring from pip is left out, and its environments have the stand-in.
    """
    project = copy_with(tmp_path_factory.mktemp("small"), [programs])
    for path in (project.folder / "envs").glob("*.yaml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        content["dependencies"] = [row for row in content["dependencies"] if isinstance(row, str)]
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
    script = project.folder / "envs" / "video.post-deploy.sh"
    script.write_text(f'ln -s "{programs}/vqathinker" "$CONDA_PREFIX/bin/"\n', encoding="utf-8")
    project.run("dvc", "config", "core.no_scm", "true")
    project.change("scales.demo.data.out_of_distribution", [])
    project.change("scales.demo.resources.train.gpu", 1)
    project.snakemake()
    (project.folder / "where.csv").unlink()
    project.calls()
    return project


@pytest.fixture
def small(small_once: Project, tmp_path: Path, programs: Path) -> Held:
    folder = tmp_path / "my project"
    shutil.copytree(small_once.folder, folder, symlinks=True)
    return Held(folder, [programs])
