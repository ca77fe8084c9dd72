"""A policy is found by folder, name or repository."""

from pathlib import Path

import pytest
import yaml
from huggingface_hub.errors import LocalEntryNotFoundError

from vqathinker.errors import InputError
from vqathinker.params.base import RELEASED
from vqathinker.scoring.load import DEFAULT, find_policy


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("demo/grpo/policy", "paper/long/policy", "base/demo"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "config.json").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        (None, "models/demo/grpo/policy"), ("grpo", "models/demo/grpo/policy"),
        ("paper/long", "models/paper/long/policy"), ("base/demo", "models/base/demo"),
        ("models/base/demo", "models/base/demo"), (Path("models"), "models"),
    ],
)  # fmt: skip
def test_a_name_means_a_folder(project: Path, name: str | None, folder: str) -> None:
    assert find_policy(name) == Path(folder)


def test_an_unknown_name_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"grop.*grpo"):
        find_policy("grop")
    monkeypatch.chdir(project / "models")
    with pytest.raises(InputError, match="make demo"):
        find_policy()


def test_a_repository_in_this_project_s_layout_is_not_imported(
    project: Path, talking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought = "vqathinker.policy.interchange.snapshot.snapshot_download"
    monkeypatch.setattr(brought, lambda repo, **how: str(talking))
    assert find_policy("somebody/policy") == talking

    def offline(repo: str, **how: object) -> str:
        raise LocalEntryNotFoundError(repo)

    monkeypatch.setattr(brought, offline)
    with pytest.raises(InputError, match="somebody/policy"):
        find_policy("somebody/policy")


def test_the_names_are_those_of_the_project(root: Path) -> None:
    scales = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))["scales"]
    assert scales["paper"]["runs"]["released"]["base"]["repo"] == RELEASED
    assert DEFAULT.parts[2] in scales[DEFAULT.parts[1]]["runs"]
