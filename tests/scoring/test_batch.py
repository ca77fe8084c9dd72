"""Many clips: failures are isolated, and interrupted runs resume."""

import itertools
from pathlib import Path

import pytest
from tests.origin_server import Site

from vqathinker.scoring.batch import open_score_journal, score_clips
from vqathinker.scoring.clips import find_clips
from vqathinker.scoring.loaded_policy import LoadedPolicy

HOW = ("greedy", None, 0)


def test_clips_in_the_journal_are_not_scored_again(
    policy: LoadedPolicy, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips, out = find_clips([str(videos)]).clips, tmp_path / "out.json"
    expected = list(score_clips(policy, clips, *HOW))
    names = [*clips[:1], str(tmp_path / "none.mp4"), *clips[1:]]
    with open_score_journal(out, policy, *HOW) as journal:  # interrupted after three clips
        list(itertools.islice(score_clips(policy, names, *HOW, journal), 3))
    scored = []
    monkeypatch.setattr(
        LoadedPolicy, "score_sampled", lambda _, clip, *how: scored.append(clip.file)
    )
    with open_score_journal(out, policy, *HOW) as journal:
        resumed = list(itertools.islice(score_clips(policy, clips, *HOW, journal), 2))
    assert resumed == expected[:2]
    assert scored == []
    with open_score_journal(out, policy, "mean", None, 0) as journal:
        assert journal.entries == []  # other arguments


def test_a_changed_clip_is_scored_again(policy: LoadedPolicy, videos: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    results = []
    for number in range(2):
        clip.write_bytes((videos / f"{number}.mp4").read_bytes())
        with open_score_journal(tmp_path / "out", policy, "mean", None, 0) as journal:
            results += score_clips(policy, [str(clip)], "mean", None, 0, journal)
    assert results[0] != results[1]


def test_clips_on_the_web_are_downloaded_and_deleted(
    policy: LoadedPolicy, videos: Path, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    site.serve("/a.mp4", (videos / "0.mp4").read_bytes())
    site.serve("/page.mp4", b"<!doctype html><html>no</html>")
    urls = [site.url("/a.mp4"), site.url("/page.mp4"), site.url("/gone.mp4"), "http://u:p@h/x.mp4"]
    clip, page, gone, password = score_clips(policy, urls, *HOW)
    assert (clip.file, clip.score) == (urls[0], policy.score(videos / "0.mp4").score)
    assert [page.answer_status, gone.answer_status] == ["missing", "missing"]
    assert "404" in str(gone.failure) or "no such file" in str(gone.failure)
    assert "password" in str(password.failure)
    assert not list(tmp_path.glob("vqathinker-*"))
