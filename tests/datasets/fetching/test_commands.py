"""`vqathinker data`: from a card in the project to a manifest."""

import json
from typing import Any

import pytest


def test_data_commands_with_project_card(
    project: Any, video: bytes, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from vqathinker.cli import app

    def run(*args: str) -> str:
        result = CliRunner().invoke(app, ["data", *args])
        assert result.exit_code == 0, result.output
        return result.output

    monkeypatch.chdir(project.folder)
    quick = config["download"] | {"attempts": 1}
    (project.folder / "params.yaml").write_text(json.dumps(config | {"download": quick}))
    urls = project.has("a.zip", project.zip_of("1.mp4", content=video))
    project.write_card(project.archive("a.zip", urls=urls), videos=["1.mp4", "2.mp4"])
    assert "`vqathinker data fetch small`" in run("status", "small")
    assert "2 files in data/small/source" in run("fetch", "small")
    assert "small: 2 videos, 1 of them missing or damaged" in run("manifest", "small")
    assert "1 videos are missing" in run("status", "small")
    assert (project.folder / "data-hashes.csv").is_file()
    run("fetch", "small", "--download", "params.yaml")
    assert project.requested() == ["/labels.json", "/a.zip"]
