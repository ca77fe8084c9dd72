"""Many clips: a bad one stops no other, and after a kill nothing is asked twice."""

import itertools
from pathlib import Path

import pytest
from tests.origin_server import Site

from vqathinker.scoring.batch import journal_of, score_clips
from vqathinker.scoring.clips import find_clips
from vqathinker.scoring.loaded import LoadedPolicy

HOW = ("greedy", None, 0)


def test_what_is_in_the_journal_is_not_asked_again_and_comes_out_the_same(
    policy: LoadedPolicy, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips, out = find_clips([str(videos)]).clips, tmp_path / "out.json"
    whole = list(score_clips(policy, clips, *HOW))
    with journal_of(out, policy, *HOW) as journal:
        told = score_clips(
            policy, [*clips[:1], str(tmp_path / "none.mp4"), *clips[1:]], *HOW, journal
        )
        list(itertools.islice(told, 3))  # and then it is killed
    asked = []
    monkeypatch.setattr(
        LoadedPolicy, "score_sampled", lambda _, clip, *how: asked.append(clip.file)
    )
    with journal_of(out, policy, *HOW) as journal:
        again = list(itertools.islice(score_clips(policy, clips, *HOW, journal), 2))
    assert again == whole[:2]
    assert asked == []
    with journal_of(out, policy, "mean", None, 0) as journal:
        assert journal.entries == []  # another question has other answers


def test_a_clip_that_changed_is_asked_about_again(
    policy: LoadedPolicy, videos: Path, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    results = []
    for number in range(2):
        clip.write_bytes((videos / f"{number}.mp4").read_bytes())
        with journal_of(tmp_path / "out", policy, "mean", None, 0) as journal:
            results += score_clips(policy, [str(clip)], "mean", None, 0, journal)
    assert results[0] != results[1]


def test_an_address_is_brought_scored_and_taken_away(
    policy: LoadedPolicy, videos: Path, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    site.serve("/a.mp4", (videos / "0.mp4").read_bytes())
    site.serve("/page.mp4", b"<!doctype html><html>no</html>")
    urls = [site.url("/a.mp4"), site.url("/page.mp4"), site.url("/gone.mp4"), "http://u:p@h/x.mp4"]
    told, page, gone, secret = score_clips(policy, urls, *HOW)
    assert (told.file, told.score) == (urls[0], policy.score(videos / "0.mp4").score)
    assert [page.answer_status, gone.answer_status] == ["missing", "missing"]
    assert "404" in str(gone.failure) or "no such file" in str(gone.failure)
    assert "password" in str(secret.failure)
    assert not list(tmp_path.glob("vqathinker-*"))
