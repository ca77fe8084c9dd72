"""Policies are found by folder, name or repository."""

from pathlib import Path

import pytest
import yaml
from huggingface_hub.errors import LocalEntryNotFoundError

from vqathinker.errors import InputError
from vqathinker.params.base import RELEASED
from vqathinker.scoring.load import DEFAULT_POLICY, find_policy


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
def test_policies_are_found_by_folder_or_name(project: Path, name: str | None, folder: str) -> None:
    assert find_policy(name) == Path(folder)


def test_an_unknown_name_is_an_error(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"grop.*grpo"):
        find_policy("grop")
    monkeypatch.chdir(project / "models")
    with pytest.raises(InputError, match="make demo"):
        find_policy()


def test_a_repository_in_our_layout_is_not_converted(
    project: Path, digit_policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    download = "vqathinker.policy.interchange.snapshot.snapshot_download"
    monkeypatch.setattr(download, lambda repo, **how: str(digit_policy))
    assert find_policy("somebody/policy") == digit_policy

    def offline(repo: str, **how: object) -> str:
        raise LocalEntryNotFoundError(repo)

    monkeypatch.setattr(download, offline)
    with pytest.raises(InputError, match="somebody/policy"):
        find_policy("somebody/policy")


def test_names_agree_with_params_yaml(root: Path) -> None:
    scales = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))["scales"]
    assert scales["paper"]["runs"]["released"]["base"]["repo"] == RELEASED
    assert DEFAULT_POLICY.parts[2] in scales[DEFAULT_POLICY.parts[1]]["runs"]
