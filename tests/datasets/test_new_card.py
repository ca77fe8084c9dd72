"""Cards for your own data sets, from tables of various programs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vqathinker.datasets.card import Card, CardError, LabelError, load_card
from vqathinker.datasets.labels import read_label_file
from vqathinker.datasets.manifest import build_manifest
from vqathinker.datasets.new_card import write_card

OPTIONS = {"role": "in-domain", "scale": (1.0, 5.0)}
FILES = {
    "a spreadsheet, as CSV": '\ufeff"MOS";"file name";"video"\r\n"3,1";"x";"a.mp4"\r\n;;\r\n',
    "tabs": "Video_Name\tstd\tMOS\na.mp4\t0.5\t3.1\n",
    "paths of find": "video,mos\n./a.mp4,3.1\n",
    "paths of Windows": "video,mos\nb\\..a.mp4,3.1\n",
    "absolute paths": "video,mos\n/data/my set/a.mp4,3.1\n/data/my set/b/c.mp4,2\n",
    "absolute paths of Windows": "video,mos\nC:\\set\\a.mp4,3.1\n",
    "MOS first": "score,filename\n3.1,a.mp4\n",
}


@pytest.fixture
def labels(tmp_path: Path) -> Callable[[str], Path]:
    """labels(text) writes a file."""

    def write(text: str) -> Path:
        (tmp_path / "given.csv").write_text(text, encoding="utf-8")
        return tmp_path / "given.csv"

    return write


def test_written_card_is_valid_and_commented(tmp_path: Path) -> None:
    written = write_card("mine", tmp_path / "cards", None, role="train", scale=(-1.5, 100.0))
    card = load_card("mine", tmp_path / "cards")
    assert written == card
    assert (card.role, card.expected, card.label.scale) == ("train", None, (-1.5, 100))
    assert (card.access.kind, card.label.file) == ("local", "labels.csv")
    assert (tmp_path / "cards" / "mine.yaml").read_text(encoding="utf-8").count("#") > 12


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_card_reads_its_labels(tmp_path: Path, labels: Callable[[str], Path], text: str) -> None:
    path = labels(text)
    write_card("mine", tmp_path, path, **OPTIONS)
    card = load_card("mine", tmp_path)
    table = read_label_file(path, card.label)
    assert len(table) == card.expected
    assert table["video"].iloc[0].endswith("a.mp4")
    assert not table["video"].iloc[0].startswith(("/", "C:"))
    assert table["mos"].iloc[0] == 3.1


def test_explicit_columns_and_match(tmp_path: Path, make_source: Callable[..., Path]) -> None:
    source = make_source([], ["x/0001_cut.mp4", "x/2.mp4"])
    for name, text, columns in (
        ("named", "clip: name,a,b\n1,0.5,3.5\n2,0.5,2\n", ("clip: name", "b")),
        ("placed", "1,0.5,3.5\n2,0.5,2\n", ("0", "2")),
    ):
        (source / "labels.csv").write_text(text)
        match = r"0*(\d+)(?:_[^/]*)?(?:\.mp4)?"
        write_card(name, tmp_path, source / "labels.csv", columns=columns, match=match, **OPTIONS)
        manifest = build_manifest(source, load_card(name, tmp_path))
        assert manifest["file"].tolist() == ["videos/x/0001_cut.mp4", "videos/x/2.mp4"]
        assert manifest["mos"].tolist() == [3.5, 2]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a.mp4,3\nb.mp4,4\n", (None, None)),
        ("video,vmaf_score\na.mp4,3\n", (None, None)),
        ("video,mos,score\na.mp4,3,4\n", (None, None)),
        ("video,file,mos\na.mp4,b.mp4,4\n", (None, None)),
        ("video,mos\na.mp4,3\n", ("clip", None)),
        ("video,mos\na.mp4,3\n", ("0", None)),
    ],
)
def test_ambiguous_columns_show_first_rows(
    tmp_path: Path,
    labels: Callable[[str], Path],
    text: str,
    columns: tuple[str | None, str | None],
) -> None:
    with pytest.raises(LabelError) as caught:
        write_card("mine", tmp_path / "cards", labels(text), columns=columns, **OPTIONS)
    message = str(caught.value)
    assert all(word in message for word in ("given.csv", "--video-column", "--mos-column"))
    assert all(cell in message for cell in text.replace("\n", ",").split(","))
    assert not (tmp_path / "cards").exists()


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("vdpve", "video,mos\na.mp4,3\n", "vdpve"),
        ("Mine", "video,mos\na.mp4,3\n", "name.*Mine"),
        ("mine", "video,mos\na.mp4,30\n", "line 2: mos is '30'.*--scale"),
        ("mine", "video,mos\na.mp4,3\na.mp4,4\n", "line 3: video 'a.mp4'"),
        ("mine", "video,mos\n../a.mp4,3\n", "line 2: video is '../a.mp4'"),
        ("mine", "video,mos\n", "given.csv: no rows"),
        ("mine", "", "given.csv"),
    ],
)
def test_invalid_input_writes_no_card(
    tmp_path: Path, labels: Callable[[str], Path], name: str, text: str, complaint: str
) -> None:
    with pytest.raises((CardError, LabelError), match=complaint):
        write_card(name, tmp_path / "cards", labels(text), **OPTIONS)
    assert not (tmp_path / "cards").exists()


def test_card_is_never_overwritten(tmp_path: Path) -> None:
    write_card("mine", tmp_path, None, **OPTIONS)
    (tmp_path / "mine.yaml").write_text("name: mine  # years of work\n")
    with pytest.raises(CardError, match="mine"):
        write_card("mine", tmp_path, None, **OPTIONS)
    assert "years of work" in (tmp_path / "mine.yaml").read_text()


@pytest.mark.parametrize("name", ["2024", "null", "on"])
def test_names_that_yaml_reads_as_other_types(tmp_path: Path, name: str) -> None:
    write_card(name, tmp_path, None, **OPTIONS)
    card: Card = load_card(name, tmp_path)
    assert card.name == name
