"""Checksums of the kinds that owners publish, and the table of those that nobody publishes."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from vqathinker.acquisition.checksum import Checksum, HashTable
from vqathinker.errors import InputError

# FIPS 180-4 gives the digest of "abc"; git's is from `git hash-object --stdin`.
OF_ABC = {
    "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "git-sha1": "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f",
}
DAY = date(2026, 11, 24)
ONE, TWO = "1" * 64, "2" * 64
HEADER = "name,bytes,sha256,date,address\n"


@pytest.mark.parametrize("algorithm", OF_ABC)
def test_a_file_has_the_digest_that_others_compute(tmp_path, algorithm):
    (tmp_path / "file").write_bytes(b"abc")
    checksum = Checksum(algorithm, OF_ABC[algorithm])
    assert checksum.digest_of(tmp_path / "file") == checksum.digest
    assert checksum.matches(checksum.digest)
    (tmp_path / "file").write_bytes(b"abd")
    assert not checksum.matches(checksum.digest_of(tmp_path / "file"))


@pytest.mark.parametrize(
    "digest",
    ["", "ba7816bf", "BA" * 32, "zz" * 32, "ab" * 33],  # too short to mean one file; no hexadecimal
)
def test_what_is_no_checksum_is_refused(digest):
    with pytest.raises(ValueError, match="sha256"):
        Checksum("sha256", digest)


@pytest.fixture
def table(tmp_path: Path) -> HashTable:
    return HashTable(tmp_path / "data-hashes.csv")


def test_what_is_recorded_is_found_with_its_day_and_not_replaced(table):
    table.record("set/file.zip", 12, ONE, DAY, "https://example.org/file.zip")
    assert table.record("set/file.zip", 13, TWO, DAY, "b").digest == ONE
    found = table.find("set/file.zip")
    assert found is not None
    assert (found.algorithm, found.digest) == ("sha256", ONE)
    assert "data-hashes.csv" in found.source
    assert "2026-11-24" in found.source
    assert table.find("set/other.zip") is None
    row = f"set/file.zip,12,{ONE},2026-11-24,https://example.org/file.zip\n"
    assert table.path.read_text() == HEADER + row


def test_a_row_goes_on_its_own_line_behind_one_edited_by_hand(table):
    table.path.write_text(f"{HEADER}a,1,{ONE},2026-01-01,x")
    table.record("b", 2, TWO, DAY, "y")
    assert len(table.path.read_text().splitlines()) == 3
    assert table.find("a") is not None
    assert table.find("b") is not None


@pytest.mark.parametrize(("other", "agrees"), [(ONE, True), (TWO, False)])
def test_rows_of_a_merge_have_to_agree(table, other, agrees):
    table.path.write_text(f"{HEADER}a,1,{ONE},2026-01-01,x\na,1,{other},2026-01-02,y\n")
    if agrees:
        assert table.find("a") is not None
    else:
        with pytest.raises(InputError, match=r"data-hashes\.csv"):
            table.find("a")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("file,hash\na,1\n", 1),
        ("<<<<<<< HEAD\n", 1),
        (f"{HEADER}a,1,xyz,2026-01-01,x\n", 2),
        (f"{HEADER}a\n", 2),
    ],
)
def test_a_table_that_cannot_be_read_names_file_and_line(table, text, line):
    table.path.write_text(text)
    with pytest.raises(InputError, match=f"data-hashes.csv, line {line}"):
        table.find("a")


def test_processes_that_record_at_once_lose_nothing(table):
    code = f"""
import datetime, pathlib, sys
from vqathinker.acquisition.checksum import HashTable
first, table = int(sys.argv[1]), HashTable(pathlib.Path({str(table.path)!r}))
for number in range(first, first + 25):
    table.record(f"file{{number}}", 1, "1" * 64, datetime.date(2026, 11, 24), "x")
"""
    starts = ("0", "10", "20", "30")
    jobs = [subprocess.Popen([sys.executable, "-c", code, first]) for first in starts]
    assert [job.wait() for job in jobs] == [0, 0, 0, 0]
    lines = table.path.read_text().splitlines(keepends=True)
    assert lines[0] == HEADER
    names = [line.partition(",")[0] for line in lines[1:]]
    assert sorted(names) == sorted(f"file{number}" for number in range(55))
