"""`vqathinker data status`, `check` and `new`, as a user meets them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from vqathinker.cli import app

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `vqathinker data …` in an empty project with params.yaml at some scale."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str, scale: str = "demo", **environment: str) -> Result:
        text = yaml.safe_dump(config | {"scale": scale})
        (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
        return CliRunner().invoke(app, ["data", *args], env={"COLUMNS": "80"} | environment)

    return run


def test_the_table_of_the_paper_fits_a_terminal_and_no_address_is_broken(run: Run) -> None:
    result = run("status", scale="paper")
    assert result.exit_code == 0
    table, steps = result.output.split("\nlsvq_train: ")
    assert all(len(line) <= 80 for line in table.splitlines())
    for words in (("lsvq_train", "open", "73.0 GB", "28,056"), ("cgvds", "manual", "?", "357")):
        assert any(all(word in line for word in words) for line in table.splitlines())
    [live] = [line for line in steps.splitlines() if line.startswith("live_vqc: ")]
    assert "data/live_vqc/downloads/" in live
    assert live.endswith("then `vqathinker data fetch live_vqc`")


def test_disk_needed_stands_beside_disk_free(run: Run) -> None:
    last = run("status", scale="paper").output.splitlines()
    [disk] = [line for line in last if line.startswith("Disk: ")]
    assert "401 GB needed" in disk
    assert "free" in disk
    assert "(?): live_vqc, youtube_ugc" in disk


def test_it_says_which_sets_are_left_out_of_the_scale(run: Run, tmp_path: Path) -> None:
    said = run("status", scale="paper").output
    assert ": live_vqc, live_yt_gaming, cgvds, " in said
    videos = tmp_path / "data" / "live_vqc" / "source" / "videos"
    videos.mkdir(parents=True)
    (videos / "1.mp4").touch()
    assert ": live_yt_gaming, cgvds, " in run("status", scale="paper").output
    assert "Absent" not in run("status", "cgvds", scale="paper").output
    assert "Absent" not in run("status").output


def test_status_is_of_a_scale_of_named_sets_or_of_all(run: Run) -> None:
    assert "konvid_1k" not in run("status").output
    assert "demo_train" in run("status").output
    named = run("status", "maxwell").output
    assert "maxwell" in named
    assert "demo_train" not in named
    assert "q_bench_video" in run("status", "--all").output


def test_no_value_of_a_secret_is_shown(run: Run) -> None:
    before = run("status", "finevd").output
    environment = {"HF_TOKEN": "hf_do_not_show"}
    after = run("status", "finevd", **environment).output
    assert "into the variable HF_TOKEN" in before
    assert "HF_TOKEN" not in after
    assert "hf_do_not_show" not in after


def test_a_set_that_is_not_there_fails_its_check(run: Run) -> None:
    result = run("check", "vdpve", scale="paper")
    assert result.exit_code == 1
    assert result.output.startswith("vdpve: 3 problems\n  data/vdpve/source.json: ")


def test_an_own_set_goes_from_its_labels_to_a_check_that_passes(
    run: Run, tmp_path: Path, root: Path
) -> None:
    (tmp_path / "mine.csv").write_text("clip,score\na/1,3.5\n", encoding="utf-8")
    given = ("--video-column", "clip", "--match", "any-ending", "--scale", "0", "10")
    said = run("new", "mine", "--labels", "mine.csv", *given)
    assert said.exit_code == 0, said.output
    assert "data.out_of_distribution, and data.counts.mine: 1" in said.output
    assert "put labels.csv and videos/ into data/mine/source/" in run("status", "mine").output

    source = tmp_path / "data" / "mine" / "source"
    (source / "videos" / "a").mkdir(parents=True)
    (tmp_path / "mine.csv").rename(source / "labels.csv")
    (source / "videos" / "a" / "1.mp4").write_text("no video")
    for command in ("fetch", "manifest"):
        done = run(command, "mine")
        assert done.exit_code == 0, done.output
    checked = run("check", "mine")
    assert checked.exit_code == 1
    assert "a/1 is " in checked.output
    assert "mine: 1 problems" in checked.output


def test_an_own_set_needs_a_role_that_exists(run: Run) -> None:
    assert run("new", "mine", "--role", "understanding").exit_code == 2


def put_in_place(folder: Path, labels: str, *videos: str) -> None:
    (folder / "videos").mkdir(parents=True)
    (folder / "labels.csv").write_text(labels, encoding="utf-8")
    for name in videos:
        (folder / "videos" / name).write_text("no video")


def test_status_and_manifest_show_names_that_find_nothing(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "data" / "mine" / "source"
    put_in_place(source, "video,mos\n0012345,3\n7654321,2\n", "0012345.mp4", "7654321.mp4")
    assert run("new", "mine", "--labels", str(source / "labels.csv")).exit_code == 0
    for command in ("status", "manifest"):
        shown = run(command, "mine").output
        assert all(name in shown for name in ("'0012345', '7654321'", "'0012345.mp4'", "`match`"))


def test_new_asks_for_columns_and_takes_them(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("a,b,c\nx.mp4,0.5,3\n", encoding="utf-8")
    asked = run("new", "mine", "--labels", "mine.csv")
    assert asked.exit_code == 1
    assert all(word in asked.output for word in ("x.mp4, 0.5, 3", "--video-column", "--mos-column"))
    assert not (tmp_path / "cards").exists()
    given = ("--mos-column", "c", "--video-column", "a")
    assert run("new", "mine", "--labels", "mine.csv", *given).exit_code == 0
    text = (tmp_path / "cards" / "mine.yaml").read_text()
    assert 'columns: {video: "a", mos: "c"}' in text


def test_labels_that_cannot_be_read_are_no_traceback(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes("video,mos\nété.mp4,3\n".encode("latin-1"))
    said = run("new", "mine", "--labels", "mine.csv")
    assert said.exit_code == 1
    assert said.output.startswith("Error: mine.csv: ")
    assert "offset 10" in said.output


def test_a_check_sees_what_changes_behind_a_link(run: Run, tmp_path: Path) -> None:
    source, disk = tmp_path / "data" / "mine" / "source", tmp_path / "disk"
    put_in_place(source, "video,mos\n1.mp4,3\n", "1.mp4")
    run("new", "mine", "--labels", str(source / "labels.csv"))
    (source / "videos").rename(disk)
    (source / "videos").symlink_to(disk)
    assert "2 files in data/mine/source" in run("fetch", "mine").output
    (disk / "1.mp4").write_bytes(b"junk")
    checked = run("check", "mine")
    assert checked.exit_code == 1
    assert "data/mine/source/videos/1.mp4: 4 bytes, the receipt says 8" in checked.output
