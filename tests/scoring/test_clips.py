"""Files, folders, patterns, addresses and lists: the clips that are meant, each once, in order."""

from pathlib import Path

import pytest

from vqathinker.errors import InputError
from vqathinker.scoring.clips import find_clips


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.mp4", "a.MKV", "notes.txt", ".hidden.mp4", "more/c.webm", "odd[1].mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["b.mp4", "a.MKV", "b.mp4"], ["b.mp4", "a.MKV"]),
        (["."], ["a.MKV", "b.mp4", "more/c.webm", "odd[1].mp4"]),
        (["*.mp4"], ["b.mp4", "odd[1].mp4"]),
        (["odd[1].mp4"], ["odd[1].mp4"]),
        (["**/*.webm", "notes.txt"], ["more/c.webm", "notes.txt"]),
        (["m*"], ["more/c.webm"]),
        (["gone.mp4", "https://a.org/b.mp4?x=*"], ["gone.mp4", "https://a.org/b.mp4?x=*"]),
        (["-"], ["b.mp4", "more/c.webm"]),
    ],
)
def test_what_is_meant(here: Path, given: list[str], meant: list[str]) -> None:
    assert find_clips(given, ["b.mp4\n", "\n", "more\n"]) == meant


@pytest.mark.parametrize(
    ("given", "told"),
    [(["*.avi"], "matches no file"), (["-"], "no clip was given"), (["empty"], "holds no file")],
)
def test_what_means_nothing_is_told(here: Path, given: list[str], told: str) -> None:
    (here / "empty").mkdir()
    with pytest.raises(InputError, match=told):
        find_clips(given)
