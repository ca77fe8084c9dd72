"""The state of a set: sizes, counts and the next step."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vqathinker.datasets.card import Card, load_card
from vqathinker.datasets.fetching.journal import FetchJournal
from vqathinker.datasets.inventory import SetState, read_set_state, required_disk_space
from vqathinker.datasets.manifest import build_manifest, write_manifest
from vqathinker.journal import open_journal

MakeCard = Callable[..., Card]
MakeSource = Callable[..., Path]

ZIP = {"name": "a.zip", "unpack": "zip", "limits": {"files": 10, "bytes": 10**9}}
OPEN = {"kind": "open", "say": "One archive.", "page": "https://example.org"}
MANUAL = {"kind": "manual", "say": "By a form.", "page": "https://example.org/form"}
DROP = {"manual": {"page": "https://example.org/form", "drop": "*.zip"}}


@pytest.fixture
def data(make_source: MakeSource, tmp_path: Path) -> Path:
    """Folder of all sets, with the source of `small`: two labels, one video."""
    source = make_source([("1.mp4", 3), ("2.mp4", 4)], ["1.mp4"])
    (tmp_path / "data" / "small").mkdir(parents=True)
    source.rename(tmp_path / "data" / "small" / "source")
    return tmp_path / "data"


def state(card: Card, data: Path, **environment: str) -> SetState:
    return read_set_state(card, data, None, environment)


def test_empty_folder(tmp_path: Path) -> None:
    konvid = state(load_card("konvid_1k"), tmp_path)
    assert konvid.download == 2300000000 + 86563 + 72114
    assert konvid.store == 2410000000
    assert (konvid.expected, konvid.found, konvid.damaged) == (1200, None, None)
    assert konvid.next_step == "`vqathinker data fetch konvid_1k`"


def test_shared_videos_are_counted_once(tmp_path: Path) -> None:
    train, test = (state(load_card(f"lsvq_{name}"), tmp_path) for name in ("train", "test"))
    assert (train.download, train.store) == (73000000000, 73000000000)
    assert (test.download, test.store) == (1089316 + 441658, 0)
    assert test.next_step.startswith("`vqathinker data fetch lsvq_train` first")
    (tmp_path / "lsvq_train").mkdir()
    (tmp_path / "lsvq_train" / "source.json").touch()
    assert state(load_card("lsvq_test"), tmp_path).next_step == "`vqathinker data fetch lsvq_test`"


def test_invalid_labels_are_the_next_step(data: Path, make_card: MakeCard) -> None:
    (data / "small" / "source" / "labels.csv").write_text("video,mos\n1.mp4,300\n")
    small = state(make_card(), data)
    assert small.found is None
    assert "line 2: mos is '300'" in small.next_step
    assert read_set_state(make_card(), data, 7, {}).expected == 7
    assert read_set_state(make_card(expected=9), data, None, {}).expected == 9


FETCH = "`vqathinker data fetch small`"
TOKEN = {"access": MANUAL | {"kind": "token", "token_env": "KEY"}}
LOCKED = {"access": MANUAL, "files": [ZIP | DROP | {"password_env": "PASS"}]}
FORM = "https://example.org/form"


@pytest.mark.parametrize(
    ("changes", "environment", "named"),
    [
        ({"access": OPEN, "files": [ZIP | {"urls": ["https://example.org"]}]}, {}, []),
        ({}, {}, ["labels.csv", "DATA/small/source/"]),
        ({"access": MANUAL, "files": [ZIP | DROP]}, {}, [FORM, "*.zip", "DATA/small/downloads/"]),
        (LOCKED, {}, [FORM, "*.zip", "DATA/small/downloads/", "PASS"]),
        (TOKEN, {}, [FORM, "KEY"]),
        (TOKEN, {"KEY": "hidden"}, []),
    ],
)
def test_next_step_of_user(
    data: Path,
    make_card: MakeCard,
    changes: dict[str, Any],
    environment: dict[str, str],
    named: list[str],
) -> None:
    (data / "small" / "source" / "videos" / "1.mp4").unlink()
    step = state(make_card(**changes), data, **environment).next_step
    assert all(word.replace("DATA", str(data)) in step for word in named)
    assert step.endswith(f", then {FETCH}" if named else FETCH)
    assert "hidden" not in step


def test_saved_file_is_fetched_next_with_password(data: Path, make_card: MakeCard) -> None:
    (data / "small" / "source" / "videos" / "1.mp4").unlink()
    card = make_card(**LOCKED)
    (data / "small" / "downloads").mkdir()
    (data / "small" / "downloads" / "got.zip").touch()
    assert read_set_state(card, data, None, {"PASS": "hidden"}).next_step == FETCH
    step = state(card, data).next_step
    assert "PASS" in step
    assert "*.zip" not in step


def test_user_videos_are_used(data: Path, make_card: MakeCard) -> None:
    card = make_card(access=MANUAL, files=[ZIP | DROP], stored_bytes=5)
    small = state(card, data)
    assert small.next_step.startswith(FETCH)
    assert "videos" in small.next_step
    assert (small.download, small.store) == (0, 0)


def test_partly_fetched_set_is_resumed(data: Path, make_card: MakeCard) -> None:
    card = make_card(access=OPEN, files=[ZIP | {"urls": ["https://example.org"]}])
    source = data / "small" / "source"
    with open_journal(source, {"set": "small"}) as entries:
        FetchJournal(source, entries).mark_videos_started()
    assert "resume" in state(card, data).next_step


def test_fetched_set_needs_no_more_space(data: Path, make_card: MakeCard) -> None:
    card = make_card(access=OPEN, stored_bytes=5, download_bytes=3)
    assert (state(card, data).download, state(card, data).store) == (3, 5)
    (data / "small" / "source.json").touch()
    after = state(card, data)
    assert (after.download, after.store) == (0, 0)
    assert after.next_step == "`vqathinker data manifest small`, or run the pipeline"


def with_manifest(data: Path, card: Card) -> SetState:
    source = data / card.name / "source"
    write_manifest(build_manifest(source, card), data / card.name / "manifest.parquet", card)
    return state(card, data)


def test_manifest_counts_missing_and_damaged(data: Path, make_card: MakeCard) -> None:
    (data / "small" / "source" / "videos" / "2.mp4").write_text("words")
    ready = with_manifest(data, make_card())
    assert (ready.found, ready.damaged) == (2, 1)
    assert ready.next_step == "nothing, it is ready"
    (data / "small" / "source" / "videos" / "2.mp4").unlink()
    lacking = with_manifest(data, make_card())
    assert (lacking.found, lacking.damaged) == (1, 0)
    assert lacking.next_step.startswith("1 videos are missing")


def test_manifest_with_unexpected_rows_is_not_ready(data: Path, make_card: MakeCard) -> None:
    with_manifest(data, make_card())
    assert state(make_card(expected=3), data).next_step.startswith("2 rows, expected 3")


def test_required_disk_space(tmp_path: Path) -> None:
    names = ("konvid_1k", "lsvq_train", "vdpve")
    states = [state(load_card(name), tmp_path) for name in names]
    needed, free, unknown = required_disk_space(states, tmp_path / "a" / "b")
    assert needed == 2300000000 + 86563 + 72114 + 2410000000 + 2 * 73000000000
    assert unknown == ["vdpve"]
    assert free > 0


def test_labels_without_videos_are_shown_with_file_names(data: Path, make_card: MakeCard) -> None:
    (data / "small" / "source" / "labels.csv").write_text("video,mos\n1,3\n2,4\n")
    for found in (state(make_card(), data), with_manifest(data, make_card())):
        assert found.found == 0
        assert all(name in found.next_step for name in ("'1', '2'", "'1.mp4'", "`match`"))
    (data / "small" / "manifest.parquet").unlink()
    assert state(make_card(match="any-ending"), data).found == 1


def test_new_videos_need_new_manifest(data: Path, make_card: MakeCard) -> None:
    before = state(make_card(), data)
    assert (before.expected, before.found, before.damaged) == (None, 1, None)
    assert before.next_step == FETCH
    with_manifest(data, make_card())
    videos = data / "small" / "source" / "videos"
    (videos / "2.mp4").write_bytes((videos / "1.mp4").read_bytes())
    step = state(make_card(), data).next_step
    assert step.startswith("1 videos")
    assert "`vqathinker data manifest small`" in step


def test_error_of_inspection_is_the_next_step(data: Path, make_card: MakeCard) -> None:
    videos = data / "small" / "source" / "videos"
    (data / "small" / "manifest.parquet").write_text("no table")
    assert "manifest.parquet" in state(make_card(), data).next_step
    (data / "small" / "manifest.parquet").unlink()
    (videos / "loop").symlink_to(videos)
    assert "videos/loop" in state(make_card(), data).next_step
