"""The command `score`: formats, going on, pairs, parts, and what it says of wrong options."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.finished_project import finished_project
from typer.testing import CliRunner, Result

from vqathinker.cli import app

__all__ = ["finished_project"]

Score = Callable[..., Result]


@pytest.fixture
def score(finished_project: Path, tmp_path: Path) -> Score:
    """score("0.mp4", …): the command on videos of that project, with its policy."""
    videos = finished_project / "data" / "mine" / "source" / "videos"

    def run(*words: str, stdin: str = "") -> Result:
        given = [str(videos / word) if word.endswith(".mp4") else word for word in words]
        policy = [] if "--policy" in words else ["--policy", str(finished_project / "policy")]
        return CliRunner().invoke(app, ["score", *given, *policy], input=stdin)

    return run


def test_every_format_holds_the_same(score: Score, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = json.loads(score("0.mp4", "1.mp4", "--format", "json").stdout)
    assert [Path(clip["file"]).name for clip in told["clips"]] == ["0.mp4", "1.mp4"]
    assert told["policy"]["trained_on"] == "mine"
    assert told["policy"]["scale"] == [1.0, 3.5]
    assert told["policy"]["method"] == told["policy"]["own_method"] == "expected"
    assert score("0.mp4", "1.mp4", "--format", "csv", "--output", str(out)).exit_code == 0
    first, _ = csv.DictReader(out.read_text(encoding="utf-8").splitlines())
    assert first["answer_status"] == told["clips"][0]["answer_status"]
    table = score("0.mp4", "1.mp4")
    columns = table.stdout.splitlines()[0].split()
    assert columns[:3] == ["clip", "score", "(expected)"]
    assert "policy, 6x56, learned from mine (6 videos), scores 1 to 3.5" in table.stderr
    assert not list(tmp_path.glob(".out*"))


def test_two_calls_write_the_same_bytes_also_where_one_was_killed(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = ("0.mp4", "1.mp4", "2.mp4", "--score", "mean", "--format", "json", "--output")
    assert score(*call, str(tmp_path / "one.json")).exit_code == 0
    from vqathinker.scoring.loaded import LoadedPolicy

    real, turns = LoadedPolicy.score_sampled, iter([True, False])

    def dies(self, clip, *how):
        if next(turns):
            return real(self, clip, *how)
        raise KeyboardInterrupt

    monkeypatch.setattr(LoadedPolicy, "score_sampled", dies)
    killed = score(*call, str(tmp_path / "two.json"))
    assert killed.exit_code != 0
    assert not (tmp_path / "two.json").exists()
    monkeypatch.setattr(LoadedPolicy, "score_sampled", real)
    assert score(*call, str(tmp_path / "two.json")).exit_code == 0
    assert (tmp_path / "two.json").read_bytes() == (tmp_path / "one.json").read_bytes()


def test_a_bad_clip_stops_no_other_and_the_exit_code_says_so(score: Score, tmp_path: Path) -> None:
    page = tmp_path / "page.avi"
    page.write_text("no video", encoding="utf-8")
    result = score("-", "--format", "json", stdin=f"{page}\n")
    assert result.exit_code == 1
    result = score(str(page), "0.mp4", "--format", "json")
    assert result.exit_code == 1
    bad, good = json.loads(result.stdout)["clips"]
    assert (bad["answer_status"], good["failure"]) == ("no_container", None)
    assert result.stderr.splitlines()[-1].startswith("Error: 1 of 2 clips could not be scored")


def test_two_clips_are_compared_and_a_long_one_is_scored_in_parts(
    score: Score, tmp_path: Path
) -> None:
    found = json.loads(score("0.mp4", "1.mp4", "--compare", "--format", "json").stdout)
    assert found["comparison"].keys() == {"first_better", "better"}
    plot = tmp_path / "plot.svg"
    call = ("0.mp4", "--where", "--window", "0.5", "--format", "csv", "--plot", str(plot))
    parts = list(csv.DictReader(score(*call).stdout.splitlines()))
    assert [(part["start_s"], part["end_s"]) for part in parts] == [("0.0", "0.5"), ("0.5", "1.0")]
    drawn = plot.read_bytes()
    assert score(*call).exit_code == 0
    assert plot.read_bytes() == drawn
    assert "0.5 to 1.0" in score("0.mp4", "--where", "--window", "0.5").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("0.mp4", "--compare"), "--compare: 1 clips, expected 2"),
        (("0.mp4", "1.mp4", "--where"), "--where: 2 clips, expected 1"),
        (("0.mp4", "1.mp4", "--where", "--compare"), "expected one of them"),
        (("0.mp4", "1.mp4", "--compare", "--format", "csv"), "expected table or json"),
        (("0.mp4", "--plot", "x.svg"), "expected a .png or .svg with --where"),
        (("0.mp4", "--policy", "none"), "none: no such policy"),
    ],
)
def test_what_does_not_fit_is_told_before_any_work(
    score: Score, words: tuple[str, ...], told: str
) -> None:
    result = score(*words)
    assert result.exit_code == 2
    assert told in result.stderr
