"""What of a command line may be a mistyped target, and what is said of it."""

from vqathinker.phases.targets import doubtful_words, unknown_targets

TARGETS = ["all", "tables"]


def test_options_settings_targets_and_paths_are_beyond_doubt(tmp_path):
    there = tmp_path / "there"
    there.touch()
    words = ["--cores", "2", "scale=paper", "tables", str(there), "s3://b/a", "made", "tabels"]
    assert doubtful_words(words, TARGETS, lambda path: path == "made") == ["2", "tabels"]


def test_nothing_is_said_where_nothing_is_unknown():
    assert unknown_targets([], TARGETS) is None


def test_a_word_like_no_other_gets_the_list_without_a_guess():
    told = unknown_targets(["quite-else"], TARGETS)
    assert told == (
        "quite-else is no target, and no file that a rule makes\n"
        "Targets: all, tables; or the path of a file that a rule makes"
    )
