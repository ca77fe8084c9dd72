"""Cards: each is whole, and says of the paper's sets what the paper's method says of them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from vqathinker.datasets import card as card_module
from vqathinker.datasets.card import Card, CardError, card_names, load_card
from vqathinker.errors import InputError
from vqathinker.phases.cards import STAND_INS

# docs/method.md, sections 5 and 6: role and number of videos.
PAPER = {
    "lsvq_train": ("train", 28056),
    "lsvq_test": ("in-domain", 7182),
    "lsvq_1080p": ("in-domain", 3573),
    "konvid_1k": ("in-domain", 1200),
    "live_vqc": ("in-domain", 585),
    "youtube_ugc": ("in-domain", 1020),
    "live_yt_gaming": ("out-of-distribution", 600),
    "cgvds": ("out-of-distribution", 357),
    "live_yt_hfr": ("out-of-distribution", 480),
    "waterloo_ivc_4k": ("out-of-distribution", 1200),
    "vdpve": ("out-of-distribution", 839),
}
UNDERSTANDING = ("finevd", "maxwell", "q_bench_video")
DEMO = {
    "demo_train": ("train", "train", "in-domain"),
    "demo_indomain": ("in-domain", "test", "in-domain"),
    "demo_content": ("out-of-distribution", "test", "out-of-distribution"),
    "demo_distortion": ("out-of-distribution", "test", "out-of-distribution"),
}
AUTHORS = "clh124/VQAThinker/ee47a405c9e2eaff1ab612e37684196d525e6cbe/test/json_files/"


def test_there_is_a_card_for_each_set() -> None:
    assert set(card_names()) == {*PAPER, *UNDERSTANDING, *DEMO}
    for name, facts in DEMO.items():
        card = load_card(name)
        assert card.made
        assert (card.role, card.split, card.domain) == facts


@pytest.mark.parametrize("name", sorted(PAPER))
def test_a_set_of_the_paper_has_its_role_and_count(name: str) -> None:
    card = load_card(name)
    assert (card.role, card.expected) == PAPER[name]
    assert card.label.training_scale_divisor == (20 if name == "lsvq_train" else None)


@pytest.mark.parametrize("name", sorted(set(PAPER) - {"lsvq_train"}))
def test_the_list_of_a_benchmark_is_the_authors_own(name: str) -> None:
    card = load_card(name)
    [source] = [file for file in card.files if file.name == card.label.file]
    assert source.urls == (f"https://raw.githubusercontent.com/{AUTHORS}{source.name}",)
    assert source.sha256


def test_every_label_file_comes_from_somewhere_at_a_fixed_revision_and_hash() -> None:
    for card in map(load_card, card_names()):
        files = {file.name: file for file in card.files}
        for name in () if card.made else card.label_files:
            if (hub := files[name].hub) is not None:  # a commit of the hub fixes what comes
                assert re.fullmatch(r"[0-9a-f]{40}", hub.revision or ""), f"{card.name}: {name}"
                continue
            assert files[name].sha256, f"{card.name}: {name}"
            assert files[name].bytes
            assert re.search(r"/[0-9a-f]{40}/", files[name].urls[0])


def test_the_three_sets_of_lsvq_share_one_copy_of_51_archives() -> None:
    train = load_card("lsvq_train")
    archives = [file for file in train.files if file.unpack == "tar"]
    assert len(archives) == 51
    assert len({file.folder() for file in archives}) == 51
    assert sum(file.sha256 is not None for file in archives) == 21
    assert {file.hub.repo for file in archives if file.hub} == {"teowu/LSVQ-videos"}
    for name in ("lsvq_test", "lsvq_1080p"):
        card = load_card(name)
        assert card.files_of == "lsvq_train"
        assert {file.unpack for file in card.files} == {"none"}


def test_private_data_of_raters_is_never_kept() -> None:
    card = load_card("konvid_1k")
    assert card.must_not_keep("KoNViD_1k_metadata/KoNViD_1k_subjective.csv")
    assert not card.must_not_keep("KoNViD_1k_videos/8129160337.mp4")
    assert load_card("maxwell").must_not_keep("videos/.ipynb_checkpoints/0000.mp4")


def test_an_unknown_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CardError, match=r"lsqv.*konvid_1k.*lsvq_test"):
        load_card("lsqv")


class TestWhatACardMayNotSay:
    @pytest.fixture
    def load(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Card]:
        """Loads the card of VDPVE with something changed."""

        def load(**changes: Any) -> Card:
            content = load_card("vdpve").model_dump(mode="json") | changes
            (tmp_path / "vdpve.yaml").write_text(yaml.safe_dump(content))
            monkeypatch.setattr(card_module, "CARDS", tmp_path)
            return load_card("vdpve")

        return load

    def test_unchanged_it_comes_back_as_it_was(self, load: Callable[..., Card]) -> None:
        before = load_card("vdpve")
        assert load() == before

    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"colour": "red"}, "colour"),
            ({"content": "([AB"}, r"content.*\(\[AB"),
            ({"match": "A.*"}, r"match.*A\.\*"),
            ({"match": "any-cases"}, "match.*any-cases.*any-case, any-ending, any-folder"),
            ({"expect": 839}, "expect is 839.*expected"),
            ({"role": "trian"}, 'role is "trian".*train'),
            ({"labels": []}, "labels"),
            ({"labels": [{"file": "a", "reader": "csv", "scale": [5, 1]}]}, r"scale is \[5"),
            ({"labels": [{"file": "a", "reader": "csv"}]}, r"labels\.0\.scale is missing"),
            ({"files": [{"name": "a/b"}]}, r"files\.0\.name is \"a/b\""),
            ({"files": [{"name": "a"}]}, r"files\.0: a: comes from none, expected one of urls"),
            ({"access": {"kind": "token", "say": "ask"}}, "access.*`page`"),
            ({"access": {"kind": "open", "say": "-", "token_env": "A"}}, "token_env"),
        ],
    )
    def test_it_is_refused_with_file_and_key(
        self, load: Callable[..., Card], changes: dict[str, Any], complaint: str
    ) -> None:
        with pytest.raises(CardError, match=rf"(?s)vdpve\.yaml.*{complaint}") as caught:
            load(**changes)
        assert not re.search(r"pydantic|validation error|type=|Value error", str(caught.value))

    def test_a_second_label_file_must_say_how_far_it_agrees(
        self, load: Callable[..., Card]
    ) -> None:
        label = load_card("vdpve").label.model_dump(mode="json")
        with pytest.raises(CardError, match="`agrees`"):
            load(labels=[label, label])


class TestOwnCards:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        content = load_card("vdpve").model_dump(mode="json") | {"name": "mine"}
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
        return tmp_path

    def test_they_are_known_beside_the_built_in_ones(self, folder: Path) -> None:
        assert set(card_names(folder)) == {*card_names(), "mine"}
        assert load_card("mine", folder).expected == 839
        assert load_card("vdpve", folder) == load_card("vdpve")

    def test_they_may_not_take_a_name_that_is_taken(self, folder: Path) -> None:
        (folder / "mine.yaml").rename(folder / "vdpve.yaml")
        with pytest.raises(CardError, match=r"vdpve\.yaml"):
            load_card("vdpve", folder)

    def test_a_card_under_another_name_is_refused(self, folder: Path) -> None:
        (folder / "mine.yaml").rename(folder / "other.yaml")
        with pytest.raises(CardError, match=r"'mine'.*'other'"):
            load_card("other", folder)

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            (b"name: mine\ntitle: a: b\n", "line 2"),
            (b"- mine\n", "keys and values"),
            (b"", "null"),
            (b"name: \xe9\n", "offset 6"),
        ],
    )
    def test_a_file_that_is_no_card_is_named(
        self, folder: Path, content: bytes, complaint: str
    ) -> None:
        (folder / "mine.yaml").write_bytes(content)
        with pytest.raises(InputError, match=rf"mine\.yaml.*{complaint}"):
            load_card("mine", folder)

    def test_a_folder_that_is_not_there_holds_none(self, tmp_path: Path) -> None:
        assert card_names(tmp_path / "cards") == card_names()


LABELS = "Konvid-1k_total_ds_score.json"
TOLD: dict[str, Any] = {
    "konvid_1k": {"expected": 5, "files": {LABELS: {"bytes": 7, "sha256": "ab" * 32}}}
}


def test_a_stand_in_changes_rows_sizes_and_hashes_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / STAND_INS).write_text(json.dumps(TOLD), encoding="utf-8")
    real, stand_in = load_card("konvid_1k"), load_card("konvid_1k", tmp_path)
    assert load_card("vdpve", tmp_path) == load_card("vdpve")
    told = {file.name: (file.bytes, file.sha256) for file in stand_in.files}
    assert told == {LABELS: (7, "ab" * 32), "labels.txt": (None, None),
                    "KoNViD_1k_videos.zip": (None, None)}  # fmt: skip
    assert (stand_in.expected, stand_in.stored_bytes) == (5, None)
    sizes = {"expected", "stored_bytes", "download_bytes", "files"}
    assert stand_in.model_dump(exclude=sizes) == real.model_dump(exclude=sizes)
    for ours, theirs in zip(stand_in.files, real.files, strict=True):
        stated = {"bytes", "about_bytes", "sha256"}
        assert ours.model_dump(exclude=stated) == theirs.model_dump(exclude=stated)
