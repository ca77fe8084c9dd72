"""A job of the tiny policy, and those of params.yaml."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vqathinker.params import Parameters, RunSettings, load_all
from vqathinker.planning.job import TrainingJob
from vqathinker.planning.sizes import PolicySizes, measure
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.sizes import config_of
from vqathinker.video.sampling import parse_setting


@pytest.fixture
def paper(root: Path) -> Parameters:
    return load_all(root / "params.yaml", ["scale=paper"])


@pytest.fixture(scope="session")
def tiny(tiny_base: Path) -> VQAThinkerForConditionalGeneration:
    from vqathinker.policy.folder.checkpoint import load_policy

    return load_policy(tiny_base).model


@pytest.fixture(scope="session")
def sizes_8b() -> PolicySizes:
    return measure(config_of("8B"))


@pytest.fixture
def settings(paper: Parameters) -> RunSettings:
    return paper.runs["grpo"]


@pytest.fixture
def job_of(settings: RunSettings) -> Callable[..., TrainingJob]:
    """A job of the paper's run with other sizes, processes or training parameters."""

    def make(
        sizes: PolicySizes, processes: int = 1, *, gpu: bool = True, **training: object
    ) -> TrainingJob:
        job = TrainingJob.of(settings, sizes, parse_setting("6x448"), 1726, processes, gpu=gpu)
        return job.changed(**training)

    return make
