"""Manifests have a row per label, and a reason for each unusable video."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from vqathinker.datasets.card import Card, LabelError
from vqathinker.datasets.manifest import (
    SET_KEY,
    build_manifest,
    read_manifest,
    write_manifest,
)
from vqathinker.errors import InputError
from vqathinker.evaluation.origins import IncompleteBenchmarkError, require_complete

COLUMNS = ["video", "file", "mos", "mos_training", "split", "domain", "content", "kind", "width",
           "height", "fps", "frames", "duration_s", "codec", "pixel_format", "status",
           "reason"]  # fmt: skip

MakeSource = Callable[..., Path]
MakeCard = Callable[..., Card]

LABELS = [("a/1.mp4", 80.5), ("b/1.mp4", 20), ("gone.mp4", 33), ("broken.mp4", 44)]


@pytest.fixture
def source(make_source: MakeSource) -> Path:
    """Two intact videos, a label without a file, and a file that is not a video."""
    source = make_source(LABELS, ["a/1.mp4", "b/1.mp4", "unlabelled.mp4"])
    (source / "videos" / "broken.mp4").write_text("no video at all, only words\n" * 30)
    return source


def test_one_row_per_label_in_order(source: Path, make_card: MakeCard) -> None:
    manifest = build_manifest(source, make_card())
    assert manifest.columns.tolist() == COLUMNS
    assert manifest["video"].tolist() == [video for video, _ in LABELS]
    assert manifest["mos"].tolist() == [mos for _, mos in LABELS]
    assert manifest["status"].tolist() == ["ok", "ok", "missing", "no_container"]
    assert manifest["mos_training"].tolist() == manifest["mos"].tolist()
    assert set(manifest["split"] + " " + manifest["domain"]) == {"test in-domain"}


def test_row_has_facts_or_reason(source: Path, make_card: MakeCard) -> None:
    manifest = build_manifest(source, make_card()).set_index("video")
    row = manifest.iloc[0]
    assert row["file"] == "videos/a/1.mp4"
    assert (row["width"], row["height"], row["frames"]) == (48, 32, 12)
    assert (row["fps"], row["duration_s"]) == (10.0, pytest.approx(1.2))
    assert (row["codec"], row["pixel_format"]) == ("h264", "yuv420p")
    assert manifest["reason"].notna().tolist() == [False, False, True, True]
    facts = ["width", "height", "fps", "frames", "duration_s", "codec", "pixel_format"]
    assert manifest.loc[["gone.mp4", "broken.mp4"], facts].isna().all(axis=None)


def test_lsvq_training_labels_are_mos_over_twenty(
    make_source: MakeSource, make_card: MakeCard
) -> None:
    """Golden: labels 2.611842 and 3.418571 in the README of clh124/VQAThinker at ee47a40 for these
    two videos; their MOS are from DOVER's train_labels.txt at f1ddc96."""
    published = [("yfcc-batch6/4134.mp4", 52.236842105263214),
                 ("yfcc-batch16/13078.mp4", 68.37142857142861)]  # fmt: skip
    card = make_card(role="train", label={"training_scale_divisor": 20})
    manifest = build_manifest(make_source(published), card)
    assert manifest["mos"].tolist() == [mos for _, mos in published]
    assert manifest["mos_training"].tolist() == [2.611842, 3.418571]


def test_contents_and_kinds_of_demo_set(source: Path, make_card: MakeCard) -> None:
    card = make_card(access={"kind": "made", "say": "here"})
    assert build_manifest(source, card)["content"].isna().all()
    rows = "video,content,kind,strength\na/1.mp4,lake,blur,0.5\nb/1.mp4,lake,noise,0.1\n"
    (source / "degradations.csv").write_text(rows)
    manifest = build_manifest(source, card)
    assert manifest["content"].iloc[:2].tolist() == ["lake", "lake"]
    assert manifest["kind"].iloc[:2].tolist() == ["blur", "noise"]
    assert manifest[["content", "kind"]].iloc[2:].isna().all(axis=None)


def test_contents_from_pattern_of_card(source: Path, make_card: MakeCard) -> None:
    contents = build_manifest(source, make_card(content=r"(?:./)?(\w+)\.mp4"))["content"]
    assert contents.tolist() == ["1", "1", "gone", "broken"]
    with pytest.raises(LabelError, match=r"'gone\.mp4'"):
        build_manifest(source, make_card(content=r"(.)/1\.mp4"))


def test_scale_is_mirrored_if_lower_is_better(source: Path, make_card: MakeCard) -> None:
    label = {"direction": "lower", "training_scale_divisor": 20}
    manifest = build_manifest(source, make_card(label=label))
    assert manifest["mos"].tolist() == [100 - mos for _, mos in LABELS]
    assert manifest["mos_training"].iloc[0] == 0.975


def test_set_with_videos_of_another_set(
    tmp_path: Path, make_source: MakeSource, make_card: MakeCard
) -> None:
    source = make_source([("a/1.mp4", 3), ("a/2.mp4", 4)], ["a/1.mp4"])
    (tmp_path / "data" / "big").mkdir(parents=True)
    own = tmp_path / "data" / "small" / "source"
    own.mkdir(parents=True)
    (source / "labels.csv").rename(own / "labels.csv")
    source.rename(tmp_path / "data" / "big" / "source")
    manifest = build_manifest(own, make_card(files_of="big"))
    assert manifest["status"].tolist() == ["ok", "missing"]
    assert manifest["file"].iloc[0] == "../../big/source/videos/a/1.mp4"
    assert (own / manifest["file"].iloc[0]).is_file()


@pytest.mark.parametrize(("on_card", "given"), [(5, None), (None, 5), (5, 4)])
def test_unexpected_number_of_labels_raises(
    source: Path, make_card: MakeCard, on_card: int | None, given: int | None
) -> None:
    with pytest.raises(LabelError, match=r"labels\.csv: 4 rows.*5"):
        build_manifest(source, make_card(expected=on_card), expected=given)


def test_metadata_has_expected_rows(source: Path, make_card: MakeCard, tmp_path: Path) -> None:
    card = make_card(expected=4)
    write_manifest(build_manifest(source, card), tmp_path / "m", card)
    metadata = pq.read_schema(tmp_path / "m").metadata
    promise = json.loads(metadata[SET_KEY.encode()])
    assert promise == {"set": "small", "expected": 4, "made": False}
    with pytest.raises(IncompleteBenchmarkError, match="4 rows, 1 "):
        require_complete(tmp_path / "m", read_manifest(tmp_path / "m")["status"])


def test_manifest_roundtrip_is_deterministic(
    source: Path, make_card: MakeCard, tmp_path: Path
) -> None:
    one, two = tmp_path / "new" / "one.parquet", tmp_path / "new" / "two.parquet"
    for path in (one, two):
        manifest = build_manifest(source, make_card())
        write_manifest(manifest, path, make_card())
        pd.testing.assert_frame_equal(read_manifest(path), manifest)
    assert one.read_bytes() == two.read_bytes()
    assert len(list(one.parent.iterdir())) == 2


@pytest.mark.parametrize("content", [None, b"", b"no table", b"PAR1 cut off"])
def test_invalid_manifest_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "manifest.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"manifest\.parquet: .*vqathinker data manifest"):
        read_manifest(tmp_path / "manifest.parquet")


def test_other_table_is_rejected(tmp_path: Path) -> None:
    pd.DataFrame({"video": ["a.mp4"]}).to_parquet(tmp_path / "manifest.parquet")
    with pytest.raises(InputError, match="file, mos"):
        read_manifest(tmp_path / "manifest.parquet")
