"""Cards are complete and agree with the paper."""

import json
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
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
REAL = "konvid_mini"
DEMO = {
    "demo_train": ("train", "in-domain"),
    "demo_indomain": ("in-domain", "in-domain"),
    "demo_content": ("out-of-distribution", "out-of-distribution"),
    "demo_distortion": ("out-of-distribution", "out-of-distribution"),
}
AUTHORS = "clh124/VQAThinker/ee47a405c9e2eaff1ab612e37684196d525e6cbe/test/json_files/"


def test_every_set_has_a_card() -> None:
    assert set(card_names()) == {*PAPER, *UNDERSTANDING, *DEMO, REAL}
    for name, facts in DEMO.items():
        card = load_card(name)
        assert card.is_synthetic
        assert (card.role, card.domain) == facts


@pytest.mark.parametrize("name", sorted(PAPER))
def test_role_and_count_of_paper_sets(name: str) -> None:
    card = load_card(name)
    assert (card.role, card.expected) == PAPER[name]
    assert card.label.training_scale_divisor == (20 if name == "lsvq_train" else None)


@pytest.mark.parametrize("name", sorted(set(PAPER) - {"lsvq_train"}))
def test_benchmark_labels_are_the_authors_files(name: str) -> None:
    card = load_card(name)
    [source] = [file for file in card.files if file.name == card.label.file]
    assert source.urls == (f"https://raw.githubusercontent.com/{AUTHORS}{source.name}",)
    assert source.sha256


def test_label_files_have_fixed_revision_and_hash() -> None:
    for card in map(load_card, card_names()):
        files = {file.name: file for file in card.files}
        for name in card.label_files if files else ():  # none if generated, or the user's own
            if (hub := files[name].hub) is not None:  # a commit of the hub determines the content
                assert re.fullmatch(r"[0-9a-f]{40}", hub.revision or ""), f"{card.name}: {name}"
                continue
            assert files[name].sha256, f"{card.name}: {name}"
            assert files[name].bytes
            assert re.search(r"/[0-9a-f]{40}/", files[name].urls[0])


def test_lsvq_sets_share_51_archives() -> None:
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


def test_private_data_is_recognised() -> None:
    card = load_card("konvid_1k")
    assert card.is_private(PurePosixPath("copies/konvid_1k_SUBJECTIVE.csv"))
    assert not card.is_private(PurePosixPath("KoNViD_1k_videos/8129160337.mp4"))
    assert load_card("maxwell").is_private(PurePosixPath(".ipynb_checkpoints/0000.mp4"))


def test_unknown_set_lists_known_ones() -> None:
    with pytest.raises(CardError, match=r"lsqv.*konvid_1k.*lsvq_test"):
        load_card("lsqv")


class TestInvalidCards:
    @pytest.fixture
    def load(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Card]:
        """load(key=value) loads the card of VDPVE with changed values."""

        def load(**changes: Any) -> Card:
            content = load_card("vdpve").model_dump(mode="json") | changes
            (tmp_path / "vdpve.yaml").write_text(yaml.safe_dump(content))
            monkeypatch.setattr(card_module, "CARDS", tmp_path)
            return load_card("vdpve")

        return load

    def test_roundtrip(self, load: Callable[..., Card]) -> None:
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
            ({"files": [{"name": "a"}]}, r"files\.0: a: .*none, expected one of urls"),
            ({"access": {"kind": "token", "say": "ask"}}, "access.*`page`"),
            ({"access": {"kind": "open", "say": "-", "token_env": "A"}}, "token_env"),
        ],
    )
    def test_invalid_value_names_file_and_key(
        self, load: Callable[..., Card], changes: dict[str, Any], complaint: str
    ) -> None:
        with pytest.raises(CardError, match=rf"(?s)vdpve\.yaml.*{complaint}") as caught:
            load(**changes)
        assert not re.search(r"pydantic|validation error|type=|Value error", str(caught.value))

    def test_second_label_file_needs_agrees(self, load: Callable[..., Card]) -> None:
        label = load_card("vdpve").label.model_dump(mode="json")
        with pytest.raises(CardError, match="`agrees`"):
            load(labels=[label, label])


class TestOwnCards:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        content = load_card("vdpve").model_dump(mode="json") | {"name": "mine"}
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
        return tmp_path

    def test_are_listed_with_built_in_cards(self, folder: Path) -> None:
        assert set(card_names(folder)) == {*card_names(), "mine"}
        assert load_card("mine", folder).expected == 839
        assert load_card("vdpve", folder) == load_card("vdpve")

    def test_may_not_reuse_built_in_name(self, folder: Path) -> None:
        (folder / "mine.yaml").rename(folder / "vdpve.yaml")
        with pytest.raises(CardError, match=r"vdpve\.yaml"):
            load_card("vdpve", folder)

    def test_name_must_equal_file_name(self, folder: Path) -> None:
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
    def test_invalid_file_is_named(self, folder: Path, content: bytes, complaint: str) -> None:
        (folder / "mine.yaml").write_bytes(content)
        with pytest.raises(InputError, match=rf"mine\.yaml.*{complaint}"):
            load_card("mine", folder)

    def test_missing_folder_is_empty(self, tmp_path: Path) -> None:
        assert card_names(tmp_path / "cards") == card_names()


LABELS = "Konvid-1k_total_ds_score.json"
STAND_IN: dict[str, Any] = {
    "konvid_1k": {"expected": 5, "files": {LABELS: {"bytes": 7, "sha256": "ab" * 32}}}
}


def test_stand_in_changes_only_rows_sizes_and_hashes(tmp_path: Path) -> None:
    (tmp_path / STAND_INS).write_text(json.dumps(STAND_IN), encoding="utf-8")
    real, stand_in = load_card("konvid_1k"), load_card("konvid_1k", tmp_path)
    assert load_card("vdpve", tmp_path) == load_card("vdpve")
    facts = {file.name: (file.bytes, file.sha256) for file in stand_in.files}
    assert facts == {LABELS: (7, "ab" * 32), "labels.txt": (None, None),
                    "KoNViD_1k_videos.zip": (None, None)}  # fmt: skip
    assert (stand_in.expected, stand_in.stored_bytes) == (5, None)
    sizes = {"expected", "stored_bytes", "download_bytes", "files"}
    assert stand_in.model_dump(exclude=sizes) == real.model_dump(exclude=sizes)
    for ours, theirs in zip(stand_in.files, real.files, strict=True):
        stated = {"bytes", "about_bytes", "sha256"}
        assert ours.model_dump(exclude=stated) == theirs.model_dump(exclude=stated)
