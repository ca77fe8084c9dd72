"""The table of hashes: written once for each file, agreed with ever after."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from vqathinker.acquisition.transfer.hash_table import HashTable, HashTableError

DAY = date(2026, 11, 24)
ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def table(tmp_path: Path) -> HashTable:
    return HashTable(tmp_path / "data-hashes.csv")


def test_a_table_that_is_not_there_yet_knows_nothing(table: HashTable) -> None:
    assert table.find("set/file.zip") is None
    assert not table.path.exists()


def test_what_is_recorded_is_found_with_its_day(table: HashTable) -> None:
    table.record("set/file.zip", 12, ONE, DAY, "https://example.org/file.zip")
    found = table.find("set/file.zip")
    assert found is not None
    assert (found.algorithm, found.digest) == ("sha256", ONE)
    assert found.source == f"{table.path}, recorded 2026-11-24"
    assert table.find("set/other.zip") is None
    assert table.path.read_text() == (
        "name,bytes,sha256,date,address\n"
        f"set/file.zip,12,{ONE},2026-11-24,https://example.org/file.zip\n"
    )


def test_a_recorded_hash_is_not_replaced(table: HashTable) -> None:
    table.record("set/file.zip", 12, ONE, DAY, "a")
    assert table.record("set/file.zip", 13, TWO, DAY, "b").digest == ONE
    assert TWO not in table.path.read_text()


def test_names_with_commas_quotes_and_blanks_come_back(table: HashTable) -> None:
    name = 'set/a, "b" and c.zip'
    table.record(name, 12, ONE, DAY, "a")
    table.record("next", 12, TWO, DAY, "a")
    found = table.find(name)
    assert found is not None
    assert found.digest == ONE


def test_a_row_goes_on_its_own_line_behind_one_edited_by_hand(table: HashTable) -> None:
    table.path.write_text(f"name,bytes,sha256,date,address\na,1,{ONE},2026-01-01,x")
    table.record("b", 2, TWO, DAY, "y")
    assert len(table.path.read_text().splitlines()) == 3
    assert table.find("a") is not None
    assert table.find("b") is not None


def test_rows_of_a_merge_that_disagree_are_an_error(table: HashTable) -> None:
    header = "name,bytes,sha256,date,address\n"
    table.path.write_text(f"{header}a,1,{ONE},2026-01-01,x\na,1,{TWO},2026-01-02,y\n")
    with pytest.raises(HashTableError, match=r"two hashes for a: 1+ and 2+; delete the row"):
        table.find("a")


def test_rows_of_a_merge_that_agree_are_fine(table: HashTable) -> None:
    header = "name,bytes,sha256,date,address\n"
    table.path.write_text(f"{header}a,1,{ONE},2026-01-01,x\na,1,{ONE},2026-01-02,y\n")
    assert table.find("a") is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,hash\na,1\n", "line 1: expected name,bytes,sha256,date,address"),
        ("<<<<<<< HEAD\n", "line 1: expected"),
        ("name,bytes,sha256,date,address\na,1,xyz,2026-01-01,x\n", "line 2: sha256 'xyz'"),
        ("name,bytes,sha256,date,address\na\n", "line 2: sha256 ''"),
    ],
)
def test_a_table_that_cannot_be_read_names_file_and_line(
    table: HashTable, text: str, message: str
) -> None:
    table.path.write_text(text)
    with pytest.raises(HashTableError, match=f"data-hashes.csv, {message}"):
        table.find("a")


def test_processes_that_record_at_once_lose_nothing(table: HashTable) -> None:
    code = f"""
import datetime, pathlib, sys
from vqathinker.acquisition.transfer.hash_table import HashTable
first, table = int(sys.argv[1]), HashTable(pathlib.Path({str(table.path)!r}))
for number in range(first, first + 25):
    table.record(f"file{{number}}", 1, "1" * 64, datetime.date(2026, 11, 24), "x")
"""
    starts = ("0", "10", "20", "30")
    jobs = [subprocess.Popen([sys.executable, "-c", code, first]) for first in starts]
    assert [job.wait() for job in jobs] == [0, 0, 0, 0]
    lines = table.path.read_text().splitlines()
    assert lines[0] == "name,bytes,sha256,date,address"
    names = [line.partition(",")[0] for line in lines[1:]]
    assert sorted(names) == sorted(f"file{number}" for number in range(55))
