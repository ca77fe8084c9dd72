"""The command `score`: formats, resuming, comparison, parts, file names, wrong options."""

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vqathinker.cli import app

Score = Callable[..., Result]


@pytest.fixture
def score(finished_project: Path) -> Score:
    """score("0.mp4", …) runs the command on videos of the project, with its policy."""
    videos = finished_project / "data" / "mine" / "source" / "videos"

    def run(*words: str, stdin: bytes = b"") -> Result:
        arguments = [str(videos / word) if word.endswith(".mp4") else word for word in words]
        policy = [] if "--policy" in words else ["--policy", str(finished_project / "policy")]
        return CliRunner().invoke(app, ["score", *arguments, *policy], input=stdin)

    return run


def test_every_format_has_the_same_content(score: Score, tmp_path: Path) -> None:
    out = tmp_path / "out"
    content = json.loads(score("0.mp4", "1.mp4", "--format", "json").stdout)
    assert [Path(clip["file"]).name for clip in content["clips"]] == ["0.mp4", "1.mp4"]
    assert content["policy"]["trained_on"] == "mine"
    assert content["policy"]["scale"] == [1.0, 3.5]
    assert content["policy"]["method"] == content["policy"]["own_method"] == "expected"
    assert score("0.mp4", "1.mp4", "--format", "csv", "--output", str(out)).exit_code == 0
    first, _ = csv.DictReader(out.read_text(encoding="utf-8").splitlines())
    assert first["answer_status"] == content["clips"][0]["answer_status"]
    table = score("0.mp4", "1.mp4")
    assert table.stdout.splitlines()[0].split()[:3] == ["clip", "score", "(expected)"]
    assert "mine (6 videos)" in table.stderr
    assert not list(tmp_path.glob(".out*"))


def test_an_interrupted_command_resumes_and_writes_the_same_bytes(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = ("0.mp4", "1.mp4", "2.mp4", "--score", "mean", "--format", "json", "--output")
    assert score(*call, str(tmp_path / "one.json")).exit_code == 0
    from vqathinker.scoring.loaded_policy import LoadedPolicy

    real, turns = LoadedPolicy.score_sampled, iter([True, False])

    def interrupt(self, clip, *how):
        if next(turns):
            return real(self, clip, *how)
        raise KeyboardInterrupt

    monkeypatch.setattr(LoadedPolicy, "score_sampled", interrupt)
    interrupted = score(*call, str(tmp_path / "two.json"))
    assert interrupted.exit_code == 130
    assert not (tmp_path / "two.json").exists()
    monkeypatch.setattr(LoadedPolicy, "score_sampled", real)
    assert score(*call, str(tmp_path / "two.json")).exit_code == 0
    assert (tmp_path / "two.json").read_bytes() == (tmp_path / "one.json").read_bytes()


def test_an_unreadable_clip_gives_exit_code_1_and_stops_no_other(
    score: Score, tmp_path: Path
) -> None:
    page = tmp_path / "page.avi"
    page.write_text("no video", encoding="utf-8")
    result = score(str(page), "0.mp4", "--format", "json")
    assert result.exit_code == 1
    bad, good = json.loads(result.stdout)["clips"]
    assert (bad["answer_status"], good["failure"]) == ("no_container", None)
    assert "page.avi" in result.stderr.splitlines()[-1]


def test_comparison_and_parts(score: Score, tmp_path: Path) -> None:
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
    ("words", "named"),
    [
        (("0.mp4", "--compare"), "--compare"),
        (("0.mp4", "1.mp4", "--where"), "--where"),
        (("0.mp4", "1.mp4", "--where", "--compare"), "--compare"),
        (("0.mp4", "1.mp4", "--compare", "--format", "csv"), "--compare"),
        (("0.mp4", "--plot", "x.svg"), "--where"),
        (("0.mp4", "--where", "--plot", "x.pdf"), "x.pdf"),
        (("0.mp4", "--output", "1.mp4"), "--output"),
        (("0.mp4", "--output", "policy"), "policy"),
    ],
)
def test_options_that_exclude_each_other_are_an_error(
    score: Score, words: tuple[str, ...], named: str
) -> None:
    result = score(*words)
    assert result.exit_code == 2
    assert named in result.stderr


@pytest.fixture
def names(tmp_path: Path, finished_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the clips `a.mp4`, ` a.mp4` and one whose name is not UTF-8."""
    videos = finished_project / "data" / "mine" / "source" / "videos"
    folder = tmp_path / "names"
    folder.mkdir()
    for number, name in enumerate(("a.mp4", " a.mp4", os.fsdecode(b"caf\xe9.mp4"))):
        shutil.copy(videos / f"{number}.mp4", folder / name)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("end", [b"\n", b"\0"])
def test_files_in_a_list_are_scored_whatever_their_name(
    names: Path, score: Score, end: bytes
) -> None:
    content = end.join([b" a.mp4", b"a.mp4", b"caf\xe9.mp4", b"b" * 300 + b".mp4", b""])
    options = ["--null"] if end == b"\0" else []
    done = score("-", *options, "--format", "json", stdin=content)
    assert done.exit_code == 1, done.output  # the last one does not exist
    clips = json.loads(done.stdout)["clips"]
    assert [clip["file"][:12] for clip in clips] == [" a.mp4", "a.mp4", "caf\\xe9.mp4", "b" * 12]
    assert [clip["failure"] is None for clip in clips] == [True, True, True, False]


def test_other_files_in_a_folder_are_reported(names: Path, score: Score) -> None:
    (names / "notes.txt").write_text("hello")
    (names / ".hidden.mp4").touch()
    done = score(".", "--format", "json")
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert len(content["clips"]) == 3
    assert [Path(one["file"]).name for one in content["skipped"]] == [".hidden.mp4", "notes.txt"]
    assert "notes.txt" in done.stderr
