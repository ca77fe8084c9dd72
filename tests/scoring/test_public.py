"""What the package promises to whoever imports it."""

import subprocess
import sys

import pytest

import vqathinker

PROMISED = ["ClipScore", "LoadedPolicy", "SampledClip", "__version__", "load_policy"]


def test_the_promise_is_kept_and_nothing_else_is_promised() -> None:
    assert vqathinker.__all__ == PROMISED
    assert all(getattr(vqathinker, name) is not None for name in PROMISED)
    with pytest.raises(AttributeError):
        vqathinker.score  # noqa: B018


def test_a_policy_scores_in_a_program_of_one_s_own(talking, videos, policy, tmp_path) -> None:
    """Frames are read in processes that do not run the program again."""
    program = tmp_path / "mine.py"
    program.write_text(
        "from vqathinker import load_policy\n"
        f"policy = load_policy({str(talking)!r}, device='cpu')\n"
        f"print(policy.score({str(videos / '0.mp4')!r}).score)\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert done.stdout == f"{policy.score(videos / '0.mp4').score}\n"
    assert done.stderr == ""
