"""Tests of the report page's HTML."""

import base64
import gzip
import html as markup
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.reporting.conftest import HOSTILE, origin

from vqathinker.evaluation.predictions import write_predictions
from vqathinker.reporting.page.plots import ladder_plot, main_result, ranks_plot
from vqathinker.reporting.page.write import write_page

VOID = {"meta", "img", "br", "hr", "link", "input"}


def decompressed(html: str, block: str) -> Any:
    """The content of a data block of the page."""
    text = re.search(rf'<script type="text/plain" id="{block}">([^<]*)<', html)[1]
    return json.loads(gzip.decompress(base64.b64decode(text)))


class Reader(HTMLParser):
    """Collects text, images and addresses, and checks that every tag is closed."""

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
    write_page("demo", scale.sources, out, title="Our <runs>")
    return out.read_text(encoding="utf-8")


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def test_the_page_loads_no_other_files(html: str) -> None:
    assert read(html).open == []  # every tag is closed
    addresses = read(html).addresses
    assert all(address.startswith(("data:image/webp;base64,", "#")) for address in addresses)
    assert not re.search(r"https?://|@import", html)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    assert policy.startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert "file:" not in policy


def test_the_page_shows_scores_averages_and_reasons(html: str) -> None:
    text = read(html).text
    for piece in ("1.000", "in-domain", "out-of-distribution", "n_damaged", "n_no_score"):
        assert piece in text
    assert "<no> moov atom" in text
    for piece in ("Rows without a score (8)", "Main table, in-domain", "Our runs"):
        assert piece in text
    for piece in ("Ablation ladder: averages", "in-domain SRCC over 10 videos is 1.000"):
        assert piece in text
    assert "grposeengreedy10101.0001.000–" in text  # of 12 videos, 10 with a score
    assert "grposeengreedy100100" in text  # ok, no_answer, not_a_number, out_of_range, truncated


def test_the_page_shows_examples_of_high_and_low_scores_and_errors(html: str) -> None:
    text = read(html).text
    best, worst = text.index("Rated best"), text.index("Rated worst")
    assert "score 5.110, MOS 5.00011.mp4 of unseen<think>grpo 11.mp4</think>" in text[best:worst]
    assert "score 1.374, MOS 1.36401.mp4 of seen" in text[worst:]
    assert "Most overrated" in text
    assert "Most underrated" not in text  # no score is below its MOS


def test_completions_are_escaped(html: str) -> None:
    assert "<think>" not in html
    assert "<no>" not in html
    assert "<runs>" not in html
    assert "onerror" not in html


def test_the_same_results_give_the_same_bytes(finished, html: str, tmp_path: Path) -> None:
    assert write(finished, tmp_path) == html


def test_figures_clips_and_manifests_are_optional(scale, tmp_path: Path) -> None:
    sources = scale.sources._replace(thumbnails=(), perturbed=(), manifests={})
    write_page("demo", sources, tmp_path / "report.html", title="Report")
    reader = read((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert reader.images == []
    assert "Scores and clips" not in reader.text
    assert "No training runs." in reader.text


def test_points_have_data_of_their_clip_and_its_copies(html: str) -> None:
    data, texts = decompressed(html, "data"), decompressed(html, "texts-0")
    place = data["benchmarks"][0]
    assert (place["name"], place["video"][1], place["mos"][0]) == ("seen", "01.mp4", 1.0)
    assert place["failure"][:2] == ["<no> moov atom", None]
    assert place["scores"]["grpo"][:2] == [None, 1.3736]
    assert place["thumbs"]["place"][:3] == [None, 0, 1]
    assert texts["status"]["grpo"][5] == "not_a_number"
    assert texts["copies"]["grpo"] == {"1": [["reverse", 2.0, HOSTILE, [3, 2, 1, 0]]]}


def test_large_thumbnails_stay_in_their_files(
    scale, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vqathinker.reporting.page.clips._MAX_INLINE_BYTES", 10)
    out = scale.root / "ablations" / "report.html"
    write_page("demo", scale.sources, out, title="Report")
    html = out.read_text(encoding="utf-8")
    assert "the folder <code>thumbnails</code>" in html
    sheets = decompressed(html, "data")["benchmarks"][0]["thumbs"]["sheets"]
    assert sheets == ["../thumbnails/seen/0000.webp"]
    assert (out.parent / sheets[0]).is_file()


def test_the_page_size_is_limited_at_paper_scale_with_every_ablation(scale, tmp_path: Path) -> None:
    """17,036 clips and 20 runs, with random words, which compress worse than real completions."""
    clips, runs = 17_036, ["base", "grpo", *(f"ablation-{number}" for number in range(18))]
    generator = np.random.default_rng(0)
    words = generator.integers(0, 5000, (clips, 20))
    text = [" ".join(f"word{word}" for word in row) for row in words]
    videos = [f"{number:05d}.mp4" for number in range(clips)]
    mos = generator.uniform(1, 5, clips)
    manifest = scale.manifests["seen"]
    row = pd.read_parquet(manifest).iloc[[1] * clips]
    row.assign(video=videos, mos=mos, mos_training=mos).to_parquet(manifest)
    predictions = []
    for number, run in enumerate(runs):
        score = mos + generator.normal(size=clips)
        completion = np.roll(text, number)  # beyond the window of the compression
        table = {"video": videos, "score": score, "greedy": score, "completion": completion}
        predictions.append(tmp_path / f"{run}.parquet")
        write_predictions(
            predictions[-1], pd.DataFrame(table).assign(parse_status="ok"), origin(run, "seen")
        )
    sources = scale.sources._replace(
        predictions=tuple(predictions), manifests={"seen": manifest}, perturbed=()
    )
    write_page("demo", sources, tmp_path / "report.html", title="Report")
    assert (tmp_path / "report.html").stat().st_size < 20_000_000
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    completions = decompressed(html, "texts-0")["completion"]
    assert completions["grpo"] == text[-1:] + text[:-1]  # completions of the method have priority
    left_out = sum(text is False for own in completions.values() for text in own)
    assert f"{left_out:,} answers are left out" in read(html).text


def texts_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in texts_of(one)]


@pytest.mark.parametrize("name", ["<a href='http://a'>a</a>", "&lt;", "@6"])
def test_names_in_plots_are_escaped(name: str) -> None:
    ranked = {"method": name, "training_data": None, "benchmark": name, "rank": 1}
    difference = {"difference": 0.1, "difference_low": 0.0, "difference_high": 0.2}
    drawn = [
        ranks_plot(pd.DataFrame([{**ranked, "ours": ours} for ours in (True, False)])),
        ladder_plot([line("ablation", row=name, domain=name) | difference]),
    ]
    for plot in drawn:
        texts = [text for text in texts_of([plot.data, plot.layout])
                 if name in markup.unescape(text)]  # fmt: skip
        assert texts
        assert all("<" not in text and not text.startswith("@") for text in texts)


def line(group: str, benchmark: str = "average", **more: Any) -> dict[str, Any]:
    shared = {
        "group": group, "row": group, "domain": "in-domain", "benchmark": benchmark,
        "measure": "srcc", "n": 12, "value": 0.5, "low": 0.4, "high": 0.6,
        "difference_low": None, "difference_high": None,
    }  # fmt: skip
    return shared | more


def before(low: float | None, high: float | None, **more: Any) -> dict[str, Any]:
    return line("untrained", difference_low=low, difference_high=high, **more)


OTHER = {"domain": "out-of-distribution"}


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        ([line("method"), before(-0.4, -0.1)], "Yes: "),
        ([line("method"), before(-0.4, 0.1)], "Not significantly: "),
        ([line("method"), before(0.1, 0.4)], "No, "),
        ([line("method"), line("method", **OTHER), before(-0.4, -0.1), before(-0.4, 0.1, **OTHER)],
         "Partly: "),
        ([line("method")], "No untrained "),
        ([line("method", value=None)], "No result yet"),
        ([], "No result yet"),
    ],
)  # fmt: skip
def test_the_interval_of_the_difference_decides_the_result(
    lines: list[dict[str, Any]], verdict: str
) -> None:
    assert main_result(lines).sentence.startswith(verdict)
