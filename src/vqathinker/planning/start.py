"""What a training is told to take, in one line, before its weights are loaded."""

from vqathinker.params import RunSettings
from vqathinker.planning.assumptions import COMPLETION_TOKENS
from vqathinker.planning.job import TrainingJob
from vqathinker.planning.knobs import PlanError, training_refusal
from vqathinker.planning.memory import training_memory
from vqathinker.planning.sizes import measure
from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.video.sampling import ClipSetting

__all__ = ["one_line"]


def one_line(
    run: str, settings: RunSettings, config: VQAThinkerConfig, clip: ClipSetting, *,
    prompt: int, videos: int, processes: int, gpu_memory: int | None,
) -> str:  # fmt: skip
    """Steps, videos and tokens a step, and memory of each process of a run.

    Args:
        prompt: tokens of a prompt.
        videos: that the run trains on.
        gpu_memory: bytes of each GPU; None on the CPU, where nothing is refused.

    Raises:
        PlanError: the run cannot fit such a GPU; the message has the numbers and what would help.
    """
    gpu = gpu_memory is not None
    job = TrainingJob.of(settings, measure(config), clip, prompt, processes, gpu=gpu)
    if gpu_memory is not None and (refusal := training_refusal(job, gpu_memory)):
        raise PlanError(f"run {run}: {refusal}")
    memory = training_memory(job)
    row = job.row_tokens(min(COMPLETION_TOKENS, job.training.max_new_tokens))
    of = f" of {gpu_memory / 1e9:.1f}" if gpu_memory is not None else ""
    return (
        f"run {run}: {job.steps(videos):,} steps of {job.videos_per_step} videos and about "
        f"{job.videos_per_step * row:,.0f} tokens, {job.trained / 1e6:,.1f} million weights "
        f"trained, at most {memory.peak / 1e9:.1f}{of} GB for each of {processes} processes"
    )
