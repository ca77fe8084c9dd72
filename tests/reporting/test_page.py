"""Claims about the report page."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from vqathinker.errors import InputError
from vqathinker.evaluation.predictions import read_predictions, write_predictions
from vqathinker.reporting.figures.uncertainty import write_uncertainty
from vqathinker.reporting.page import write_page

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Reader(HTMLParser):
    """Collects text, images and addresses, and sees whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            self.images.append(values)
        self.addresses += [values[name] or "" for name in ("src", "href") if name in values]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="session")
def html(finished, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(finished, tmp_path_factory.mktemp("page"))


def write(scale, folder: Path) -> str:
    out = folder / "report.html"
    write_page(
        "demo", scale.tables, scale.figures, scale.predictions, out, params=scale.params,
        title="Our <runs>",
    )  # fmt: skip
    return out.read_text(encoding="utf-8")


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def test_every_tag_is_closed(html: str) -> None:
    assert read(html).open == []


def test_it_needs_nothing_outside_itself(html: str) -> None:
    addresses = read(html).addresses
    assert len(addresses) == 3
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    assert not re.search(r"https?://|@import|url\(", html)


def test_every_picture_has_a_text_in_its_place(html: str) -> None:
    texts = [image["alt"] or "" for image in read(html).images]
    assert [text.split()[0] for text in texts] == ["Rewards,", "Scores", "Scores"]
    assert "base" in texts[1]
    assert "grpo" in texts[2]


def test_it_shows_scores_averages_and_reasons(html: str) -> None:
    text = read(html).text
    for piece in ("1.000", "in-domain", "out-of-distribution", "n_damaged", "n_missing", "n_null"):
        assert piece in text
    assert "<no> moov atom" in text
    assert "Rows without a score (8)" in text


def test_it_shows_how_scores_are_made_and_how_answers_were_read(html: str) -> None:
    text = read(html).text
    assert "grposeengreedy10101.0001.000–" in text  # of 12 videos, 10 with a score
    assert "grposeengreedy100100" in text  # ok, no_answer, not_a_number, out_of_range, cut_off


def test_spread_and_error_are_drawn_where_they_are_known(scale, tmp_path: Path) -> None:
    write_uncertainty(scale.predictions, scale.manifests, scale.figures)
    images = read(write(scale, tmp_path)).images
    assert [str(image["alt"]).split()[0] for image in images] == ["Error"]


def test_it_shows_what_each_run_rates_best_and_worst_and_cannot_be_read(html: str) -> None:
    text = read(html).text
    assert "Rated best: 11.mp4 of unseen; score 5.110, MOS 5.000" in text
    assert "Rated worst: 01.mp4 of seen; score 1.374, MOS 1.364" in text
    assert "Could not be read: 05.mp4 of seen; score –" in text
    assert "<think>grpo 11.mp4</think>" in text


def test_it_shows_what_is_recorded_of_a_run_without_dates_or_single_benchmarks(html: str) -> None:
    text = read(html).text
    for piece in ("code.revision", "0123abc", "base-hash", "grpo-hash"):
        assert piece in text
    for piece in ("2026-01", "seen-hash"):
        assert piece not in text
    assert html.count("0123abc") == 1


def test_what_runs_say_cannot_become_markup(html: str) -> None:
    assert "<think>" not in html
    assert "<no>" not in html
    assert "<runs>" not in html


def test_it_tells_how_to_run_it_again(html: str) -> None:
    assert "snakemake --cores all --config scale=demo" in html


def test_the_same_results_give_the_same_bytes(finished, html: str, tmp_path: Path) -> None:
    assert write(finished, tmp_path) == html


def test_it_does_without_figures(scale, tmp_path: Path) -> None:
    reader = read(write(scale, tmp_path))
    assert reader.images == []
    assert "Rated best: 11.mp4 of unseen; score 5.110\n" in reader.text


def test_a_run_that_never_gave_a_number_still_has_a_page(scale, tmp_path: Path) -> None:
    for path in scale.predictions:
        said = read_predictions(path)
        silent = said.table.assign(score=float("nan"), completion="")
        write_predictions(path, silent, said.provenance)
    text = read(write(scale, tmp_path)).text
    assert "Rated best" not in text
    assert "(nothing)" in text


def test_without_tables_it_says_what_to_make(scale, tmp_path: Path) -> None:
    (scale.tables / "scoring.csv").unlink()
    with pytest.raises(InputError, match=r"scoring\.csv: no such file.* `vqathinker tables`"):
        write(scale, tmp_path)


def test_it_shows_the_main_table_and_the_ladder(html: str) -> None:
    text = read(html).text
    for piece in ("Main table, in-domain", "Our runs", "Ablation ladder: averages", "as it is"):
        assert piece in text
    assert "<strong>1.000</strong>" in html
