"""The code of a phase is all that its commands run."""

from vqathinker.phases.hashing import code_of_phase


def test_the_code_of_a_phase_is_found_through_imports_at_any_depth(root):
    files = set(code_of_phase("training-grpo", root / "src"))
    assert {"vqathinker/cli/training.py", "vqathinker/training/rewards.py"} <= files
    assert "vqathinker/policy/prompts.yaml" in files
    assert not any(file.startswith("vqathinker/evaluation/") for file in files)
