"""A real cluster, a real conda, and a small project with the stand-in."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.workflow.conftest import CopyProject, Project
from tests.workflow.integration.cluster import running_cluster, why_impossible
from tests.workflow.integration.conda import make_conda


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    mark = pytest.mark.skipif(
        "VQATHINKER_INTEGRATION" not in os.environ,
        reason="takes minutes; run `make test-integration` (VQATHINKER_INTEGRATION=1)",
    )
    for item in items:
        if here in item.path.parents:
            item.add_marker(mark)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A running SLURM cluster; skips the test if none can be started."""
    if why := why_impossible():
        pytest.skip(why)
    with running_cluster(tmp_path_factory.mktemp("slurm") / "cluster"):
        yield


@pytest.fixture(scope="session")
def conda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of programs of a real conda."""
    return make_conda(tmp_path_factory.mktemp("conda") / "conda")


@pytest.fixture(scope="session")
def small_demo(
    copy_project: CopyProject, tmp_path_factory: pytest.TempPathFactory, stand_in: Path
) -> Project:
    """The demo with one benchmark and a training job on a GPU, after a run without conda.

    Its conda environments have the stand-in and no packages from pip.
    """
    project = copy_project(tmp_path_factory.mktemp("small"), [stand_in])
    for path in (project.folder / "envs").glob("*.yaml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        content["dependencies"] = [row for row in content["dependencies"] if isinstance(row, str)]
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
    script = project.folder / "envs" / "video.post-deploy.sh"
    script.write_text(f'ln -s "{stand_in}/vqathinker" "$CONDA_PREFIX/bin/"\n', encoding="utf-8")
    project.run("dvc", "config", "core.no_scm", "true")
    project.set_param("scales.demo.data.out_of_distribution", [])
    project.set_param("scales.demo.resources.train.gpu", 1)
    project.snakemake()
    project.calls()
    return project


@pytest.fixture
def project(small_demo: Project, tmp_path: Path, stand_in: Path) -> Iterator[Project]:
    folder = tmp_path / "my project"
    shutil.copytree(small_demo.folder, folder, symlinks=True)
    project = Project(folder, [stand_in])
    yield project
    project.kill_all()
