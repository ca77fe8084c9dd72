"""An interrupted job finds its entries again, and another job does not."""

from pathlib import Path

from vqathinker.journal import open_journal


def test_job_finds_its_entries_without_an_incomplete_line(tmp_path: Path) -> None:
    out, entries = tmp_path / "out.csv", [[{"video": "a"}], [{"video": "b", "score": None}]]
    with open_journal(out, {"seed": 7}) as journal:
        for entry in entries:
            journal.add(entry)
    path = tmp_path / ".out.csv.journal"
    path.write_text(path.read_text(encoding="utf-8") + '[{"vid', encoding="utf-8")
    for _ in range(2):
        with open_journal(out, {"seed": 7}) as journal:
            assert journal.entries == entries
    with open_journal(out, {"seed": 7}) as journal:
        journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_journal_of_another_job_is_renamed(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with open_journal(out, {"seed": 7}) as journal:
        journal.add("a")
    with open_journal(out, {"seed": 8}) as journal:
        assert journal.entries == []
    assert '"a"' in (tmp_path / ".out.csv.journal.before").read_text(encoding="utf-8")
