"""Plans follow from params.yaml, and planned memory equals that of torch."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vqathinker.errors import InputError
from vqathinker.params import LoraParams, Parameters, load_all
from vqathinker.planning import CPU, DEVICES, LONGEST, Plan, TrainingStep, make_plan
from vqathinker.policy.config import PARTS
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.sizes import PolicySizes, config_of, count_weights

Jobs = Callable[..., TrainingStep]
H100 = DEVICES["H100"]


@pytest.fixture
def paper(root: Path) -> Parameters:
    return load_all(root / "params.yaml", ["scale=paper"])


@pytest.fixture(scope="module")
def sizes_8b() -> PolicySizes:
    return count_weights(config_of("8B"))


@pytest.fixture
def plan(paper: Parameters, root: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(root)
    return make_plan(paper, H100)


@pytest.fixture
def job_of(paper: Parameters) -> Jobs:
    """The paper's run with another policy, number of processes or training parameters."""

    def make(
        sizes: PolicySizes, processes: int = 1, *, gpu: bool = True, **how: object
    ) -> TrainingStep:
        run = paper.runs["grpo"]
        run = run.model_copy(update={"training": run.training.model_copy(update=how)})
        return TrainingStep(run, sizes, H100 if gpu else CPU, processes)

    return make


def bytes_of(tensors: list[torch.Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@pytest.mark.parametrize("freeze", [[], ["vision"]])
@pytest.mark.parametrize("half", [False, True])
def test_planned_memory_is_that_of_weights_gradients_and_moments(
    tiny_base: Path, job_of: Jobs, freeze: list[str], half: bool
) -> None:
    """In half precision, the optimiser has a copy of the weights in float32."""
    policy = load_policy(tiny_base).model
    sizes = count_weights(policy.config)
    for part in freeze:
        for name, parameter in policy.named_parameters():
            parameter.requires_grad_(not name.startswith(PARTS[part]))
    trained = [parameter for parameter in policy.parameters() if parameter.requires_grad]
    masters = [weight.detach().float().requires_grad_() for weight in trained]
    optimiser = torch.optim.AdamW(masters, lr=1e-3)
    sum(master.sum() for master in masters).backward()
    optimiser.step()
    moments = [s[name] for s in optimiser.state.values() for name in ("exp_avg", "exp_avg_sq")]
    if half:
        policy.to(torch.bfloat16).model.motion_encoder.float()
    constants = list(policy.model.motion_encoder.buffers())
    planned = job_of(sizes, gpu=half, freeze=freeze).memory().resident
    assert planned["weights"] == bytes_of([*policy.parameters(), *constants])
    assert planned["gradients"] == bytes_of([master.grad for master in masters])
    assert planned["optimiser"] == bytes_of([*(masters if half else []), *moments])
    assert planned["reference"] == planned["weights"]


def test_adapters_need_no_reference_and_checkpointing_saves_memory(
    sizes_8b: PolicySizes, job_of: Jobs
) -> None:
    lora = LoraParams(rank=64, alpha=128.0, parts=["language"])
    plain, adapted = job_of(sizes_8b), job_of(sizes_8b, lora=lora)
    assert plain.memory().resident["reference"] > 0
    assert adapted.memory().resident["reference"] == 0
    whole = job_of(sizes_8b, gradient_checkpointing=False).memory().update["activations"]
    assert whole > 20 * plain.memory().update["activations"]


def test_steps_and_tokens_of_the_paper(plan: Plan, paper: Parameters) -> None:
    run = plan.runs[0]
    assert plan.videos["lsvq_train"] == 28_056
    assert (plan.processes, run.videos_per_step, paper.training.epochs) == (8, 32, 3)
    assert run.steps == 3 * (28_056 // 32)  # an epoch drops the last 24 videos
    assert run.tokens_per_step == 32 * (plan.prompts["training"] + 4 * 200)
    assert plan.prompts["training"] - (6 * 256 + 1) in range(150, 250)
    assert plan.prompts["evaluation"] - (12 * 400 + 1) in range(150, 250)
    assert run.memory.peak < H100.memory


def test_clips_need_three_bytes_per_pixel(plan: Plan) -> None:
    tested = sum(plan.videos.values()) - 28_056
    expected = 28_056 * 6 * 448**2 * 3 + tested * 12 * 560**2 * 3
    expected += 28_056 * 12 * 448**2 * 3 + tested * 6 * 560**2 * 3  # frames-12 and frames-6
    assert plan.disk["clips"] == expected
    assert plan.download["lsvq_train"] == 73_000_000_000
    assert "live_vqc" in plan.unpublished


def test_measured_seconds_scale_the_estimates(paper: Parameters, plan: Plan) -> None:
    measured = make_plan(paper, H100, 200, 21.0)
    assert measured.measured
    assert measured.runs[0].hours == pytest.approx(measured.runs[0].steps * 21 / 3600)
    ratio = plan.runs[4].seconds_per_step / plan.runs[0].seconds_per_step
    assert measured.runs[4].seconds_per_step == pytest.approx(21 * ratio)


def test_supervised_fine_tuning_needs_no_rollouts(plan: Plan) -> None:
    runs = {run.name: run for run in plan.runs}
    sft, grpo = runs["sft"], runs["grpo"]
    assert sft.steps == grpo.steps
    assert sft.tokens_per_step == 32 * (plan.prompts["training"] + 16)
    assert not sft.memory.rollouts
    assert sft.memory.resident["reference"] == 0
    assert sft.phases["prefill"] == sft.phases["decode"] == sft.phases["reference"] == 0
    assert 0 < sft.phases["update"] < grpo.phases["update"]
    assert sft.memory.peak < grpo.memory.peak


@pytest.mark.parametrize(("scale", "gpu"), [("single-gpu", "A100-80G"), ("paper", "H100")])
def test_all_runs_fit_the_gpus_of_their_scale(
    root: Path, monkeypatch: pytest.MonkeyPatch, scale: str, gpu: str
) -> None:
    monkeypatch.chdir(root)
    plan = make_plan(load_all(root / "params.yaml", [f"scale={scale}"]), DEVICES[gpu])
    needed = [run.memory.peak for run in plan.runs]
    needed += [memory.peak for memory in plan.prediction_memory.values()]
    assert max(needed) < DEVICES[gpu].memory


def test_unknown_base_policy_cannot_be_planned(paper: Parameters) -> None:
    base = paper.base.model_copy(update={"name": "other", "repo": "someone/other"})
    with pytest.raises(InputError, match="other"):
        make_plan(paper.model_copy(update={"base": base}), H100)


def test_scale_real_is_planned_from_the_policy_in_a_local_folder(
    root: Path, tiny_base: Path
) -> None:
    source = f"base={{name: tiny, kind: policy, repo: '{tiny_base}', revision: main}}"
    plan = make_plan(load_all(root / "params.yaml", ["scale=real", source]), CPU)
    assert len(plan.runs) == 20
    assert plan.download == {}


def test_token_steps_take_as_long_as_measured(paper: Parameters, root: Path) -> None:
    path = root / "benchmarks" / "results" / "2026-11-27-h100" / "grpo-2b.json"
    measured = json.loads(path.read_text(encoding="utf-8"))
    steps = measured["counts"]["tokens"]["ours"]["decode"]["token_steps"]
    sizes = count_weights(config_of("2B"))
    for device in (H100, DEVICES["B200"]):
        decode = TrainingStep(paper.runs["grpo"], sizes, device, 1).seconds(steps / LONGEST)[
            "decode"
        ]
        assert decode == pytest.approx(measured["seconds"]["ours"]["decode"], rel=0.02)
