"""The command `score`: formats, going on, pairs, parts, and what it says of wrong options."""

import csv
import json
import os
import shutil
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


@pytest.fixture
def names(tmp_path: Path, finished_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which `a.mp4`, ` a.mp4` and a name that is not UTF-8 are three clips."""
    videos = finished_project / "data" / "mine" / "source" / "videos"
    folder = tmp_path / "names"
    folder.mkdir()
    for number, name in enumerate(("a.mp4", " a.mp4", os.fsdecode(b"caf\xe9.mp4"))):
        shutil.copy(videos / f"{number}.mp4", folder / name)
    monkeypatch.chdir(folder)
    return folder


def listed(finished_project: Path, content: bytes, *words: str) -> Result:
    policy = str(finished_project / "policy")
    return CliRunner().invoke(app, ["score", "-", *words, "--policy", policy], input=content)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\0"])
def test_the_file_that_was_listed_is_the_one_that_is_scored(
    names: Path, finished_project: Path, end: bytes
) -> None:
    content = end.join([b" a.mp4", b"a.mp4", b"caf\xe9.mp4", b"b" * 300 + b".mp4", b""])
    options = ["--null"] if end == b"\0" else []
    done = listed(finished_project, content, *options, "--format", "json")
    assert done.exit_code == 1, done.output  # one of them is not there
    clips = json.loads(done.stdout)["clips"]
    assert [clip["file"][:12] for clip in clips] == [" a.mp4", "a.mp4", "caf\\xe9.mp4", "b" * 12]
    assert [clip["failure"] is None for clip in clips] == [True, True, True, False]


@pytest.mark.parametrize("form", ["json", "csv", "table"])
@pytest.mark.parametrize("way", ["list", "folder"])
def test_a_name_that_is_not_utf8_is_written_with_an_escape(
    names: Path, finished_project: Path, form: str, way: str
) -> None:
    out = names.parent / "out"
    given = b"caf\xe9.mp4\n" if way == "list" else b".\n"
    done = listed(finished_project, given, "--format", form, "--output", str(out))
    assert done.exit_code == 0, done.output
    assert "caf\\" in out.read_text(encoding="utf-8")
    assert listed(finished_project, given, "--format", form).exit_code == 0


def test_a_name_that_is_not_utf8_is_in_comparisons_and_plots_too(
    names: Path, finished_project: Path
) -> None:
    plot = names.parent / "plot.svg"
    odd = b"caf\xe9.mp4\n"
    where = ("--where", "--window", "0.5", "--plot", str(plot))
    assert listed(finished_project, odd, *where).exit_code == 0
    assert plot.is_file()
    for form in ("json", "table"):
        compared = listed(finished_project, odd + b"a.mp4\n", "--compare", "--format", form)
        assert compared.exit_code == 0, compared.output


def test_what_a_folder_holds_besides_clips_is_named(names: Path, finished_project: Path) -> None:
    (names / "notes.txt").write_text("hello")
    (names / ".hidden.mp4").touch()
    done = listed(finished_project, b".\n", "--format", "json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert len(told["clips"]) == 3
    assert [Path(one["file"]).name for one in told["skipped"]] == [".hidden.mp4", "notes.txt"]
    for name in (".hidden.mp4", "notes.txt"):
        assert name in done.stderr


@pytest.mark.parametrize("where", ["folder", "below a file", "device"])
@pytest.mark.parametrize("option", ["--output", "--plot"])
def test_where_nothing_can_be_written_is_told_before_any_score(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, option: str
) -> None:
    monkeypatch.setattr("vqathinker.scoring.loaded.LoadedPolicy.__init__", None)  # is not reached
    (tmp_path / "file").touch()
    (tmp_path / "there.svg").mkdir()
    os.mkfifo(tmp_path / "pipe.svg")
    out = {
        "folder": tmp_path / "there.svg", "below a file": tmp_path / "file" / "out.svg",
        "device": tmp_path / "pipe.svg",
    }[where]  # fmt: skip
    result = score("0.mp4", "--where", option, str(out))
    assert result.exit_code == 2, result.output
    assert out.name in result.stderr


def test_both_files_of_a_plot_are_tried(score: Score, tmp_path: Path) -> None:
    (tmp_path / "plot.png").mkdir()
    assert score("0.mp4", "--where", "--plot", str(tmp_path / "plot.svg")).exit_code == 2


@pytest.mark.parametrize("options", [("--output",), ("--where", "--window", "1", "--plot")])
def test_results_never_replace_a_clip(
    score: Score, tmp_path: Path, options: tuple[str, ...]
) -> None:
    name = "film.svg" if "--plot" in options else "film.csv"  # a clip may have any name
    clip, link = tmp_path / "clip", tmp_path / name
    clip.write_bytes(b"not looked into")
    link.symlink_to(clip)
    result = score(str(clip), *options, str(link))
    assert result.exit_code == 2
    assert name in result.stderr
    assert clip.read_bytes() == b"not looked into"
    assert link.is_symlink()
