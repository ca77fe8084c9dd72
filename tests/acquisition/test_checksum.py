"""Published checksums, and the table of recorded hashes."""

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
def test_digest_of_file(tmp_path, algorithm):
    (tmp_path / "file").write_bytes(b"abc")
    checksum = Checksum(algorithm, OF_ABC[algorithm])
    assert checksum.digest_of(tmp_path / "file") == checksum.digest


@pytest.fixture
def table(tmp_path: Path) -> HashTable:
    return HashTable(tmp_path / "data-hashes.csv")


def test_recorded_hash_is_found_and_not_replaced(table):
    table.record("set/file.zip", 12, ONE, DAY, "https://example.org/file.zip")
    table.record("set/file.zip", 13, TWO, DAY, "b")
    found = table.find("set/file.zip")
    assert found is not None
    assert (found.algorithm, found.digest) == ("sha256", ONE)
    assert "data-hashes.csv" in found.source
    assert "2026-11-24" in found.source
    assert table.find("set/other.zip") is None
    row = f"set/file.zip,12,{ONE},2026-11-24,https://example.org/file.zip\n"
    assert table.path.read_text() == HEADER + row


@pytest.mark.parametrize(("other", "agrees"), [(ONE, True), (TWO, False)])
def test_duplicate_rows_must_agree(table, other, agrees):
    table.path.write_text(f"{HEADER}a,1,{ONE},2026-01-01,x\na,1,{other},2026-01-02,y\n")
    if agrees:
        assert table.find("a") is not None
    else:
        with pytest.raises(InputError, match=r"data-hashes\.csv"):
            table.find("a")


@pytest.mark.parametrize("text", ["file,hash\na,1\n", "<<<<<<< HEAD\n"])
def test_table_with_other_columns_is_rejected(table, text):
    table.path.write_text(text)
    with pytest.raises(InputError, match=r"data-hashes\.csv"):
        table.find("a")


def test_concurrent_records_are_all_kept(table):
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
