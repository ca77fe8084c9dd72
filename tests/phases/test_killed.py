"""What is said of jobs that left no message: from the words that Snakemake has for them."""

from vqathinker.phases.killed import describe_killed

JOB = "vqathinker train grpo --gpus 1 2> logs/train/demo/grpo.log"
HEAD = f"Command 'set -euo pipefail;  {JOB}'"


def test_jobs_that_sigkill_ended_are_named_once_with_their_logs() -> None:
    log = f"RuleException:\n{HEAD} returned non-zero exit status 137.\n" * 2
    said = describe_killed(log)
    assert said is not None
    assert said.startswith(
        "Killed from outside, most often because memory ran out: `vqathinker train grpo` "
        "(logs/train/demo/grpo.log). See"
    )
    assert said.count("vqathinker train grpo") == 1
    assert describe_killed(f"{HEAD} died with <Signals.SIGKILL: 9>.") == said


def test_nothing_is_said_of_jobs_that_failed_by_themselves() -> None:
    assert describe_killed(f"{HEAD} returned non-zero exit status 1.\n") is None
