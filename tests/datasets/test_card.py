"""Cards: each is whole, and says of the paper's sets what the paper's method says of them."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from vqathinker.datasets import card as card_module
from vqathinker.datasets.card import Card, CardError, card_names, load_card

# METHOD.md, sections 5 and 6: role and number of videos.
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
DEMO = {
    "demo_train": ("train", "train", "in-domain"),
    "demo_indomain": ("in-domain", "test", "in-domain"),
    "demo_content": ("out-of-distribution", "test", "out-of-distribution"),
    "demo_distortion": ("out-of-distribution", "test", "out-of-distribution"),
}


def test_there_is_a_card_for_each_set() -> None:
    assert set(card_names()) == {*PAPER, *DEMO}


@pytest.mark.parametrize("name", sorted(PAPER))
def test_a_set_of_the_paper_has_its_role_and_count(name: str) -> None:
    card = load_card(name)
    assert (card.role, card.expected) == PAPER[name]
    assert not card.made
    assert str(card.homepage).startswith("https://")


def test_only_lsvq_train_has_another_scale_in_training() -> None:
    divisors = {name: load_card(name).label.training_scale_divisor for name in card_names()}
    assert divisors.pop("lsvq_train") == 20
    assert set(divisors.values()) == {None}


@pytest.mark.parametrize("name", sorted(DEMO))
def test_a_demo_set_says_that_nobody_judged_it(name: str) -> None:
    card = load_card(name)
    assert card.made
    assert (card.role, card.split, card.domain) == DEMO[name]
    assert any("Made, not judged" in note for note in card.notes)


def test_an_unknown_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CardError, match=r"no data set 'lsqv': .*konvid_1k.*lsvq_test"):
        load_card("lsqv")


def test_a_card_with_an_unknown_key_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = load_card("vdpve").model_dump(mode="json") | {"colour": "red"}
    (tmp_path / "vdpve.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setattr(card_module, "_CARDS", tmp_path)
    with pytest.raises(CardError, match=r"(?s)vdpve\.yaml.*colour"):
        load_card("vdpve")


def test_a_card_under_another_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.yaml").write_text(load_card("vdpve").model_dump_json())
    monkeypatch.setattr(card_module, "_CARDS", tmp_path)
    with pytest.raises(CardError, match="its name is 'vdpve', expected 'other'"):
        load_card("other")


def test_a_card_cannot_be_changed() -> None:
    card: Card = load_card("vdpve")
    with pytest.raises(ValidationError):
        card.expected = 1  # type: ignore[misc]
