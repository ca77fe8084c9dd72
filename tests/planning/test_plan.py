"""Plans follow from params.yaml; what is refused would fit with what is named."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from vqathinker.params import Parameters, load_all
from vqathinker.planning.assumptions import LONGEST
from vqathinker.planning.devices import DEVICES, choose_device
from vqathinker.planning.hours import step_phases
from vqathinker.planning.job import TrainingJob
from vqathinker.planning.knobs import PlanError, training_remedies
from vqathinker.planning.memory import training_memory
from vqathinker.planning.plan import Plan, make_plan
from vqathinker.planning.rates import measured_step
from vqathinker.planning.sizes import measure
from vqathinker.planning.start import one_line
from vqathinker.planning.text import as_json, as_text
from vqathinker.policy.sizes import config_of
from vqathinker.video.sampling import parse_setting


@pytest.fixture
def plan(paper: Parameters, root: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(root)
    return make_plan(paper, DEVICES["H100"], 200)


def test_the_paper_s_run_follows_from_params(plan: Plan, paper: Parameters) -> None:
    run = plan.runs[0]
    assert plan.videos["lsvq_train"] == 28_056
    assert (plan.processes, run.videos_per_step, paper.training.epochs) == (8, 32, 3)
    assert round(28_056 / run.videos_per_step) == 877  # an epoch, the last one with 24 videos
    assert run.steps == 3 * (28_056 // 32)  # TRL leaves those 24 to the next shuffle
    assert run.tokens_per_step == 32 * (plan.prompts["training"] + 4 * 200)
    assert plan.prompts["training"] - (6 * 256 + 1) in range(150, 250)
    assert plan.prompts["evaluation"] - (12 * 400 + 1) in range(150, 250)
    assert not plan.refusals


def test_clips_take_a_byte_for_every_colour_of_every_pixel(plan: Plan) -> None:
    tested = sum(plan.videos.values()) - 28_056
    expected = 28_056 * 6 * 448**2 * 3 + tested * 12 * 560**2 * 3
    expected += 28_056 * 12 * 448**2 * 3 + tested * 6 * 560**2 * 3  # of frames-12 and frames-6
    assert plan.disk.rooms["clips"] == expected
    assert plan.disk.download["lsvq_train"] == 73_000_000_000
    assert "live_vqc" in plan.disk.unknown


def test_measured_seconds_take_the_place_of_assumed_ones(
    paper: Parameters, plan: Plan, root: Path, tmp_path: Path
) -> None:
    times = tmp_path / "times.csv"
    times.write_text("step,seconds\n1,99\n2,20\n3,21\n", encoding="utf-8")
    bench = tmp_path / "step.json"
    bench.write_text(json.dumps({"seconds": {"ours": {"decode": 9.0, "update": 12.0}}}))
    assert measured_step(times) == measured_step(bench) == 21
    told = make_plan(paper, DEVICES["H100"], 200, 21.0)
    assert told.runs[0].hours == pytest.approx(told.runs[0].steps * 21 / 3600)
    ratio = plan.runs[4].seconds_per_step / plan.runs[0].seconds_per_step
    assert told.runs[4].seconds_per_step == pytest.approx(21 * ratio)
    assert any("measured" in line for line in as_json(told)["assumptions"])


def test_supervised_fine_tuning_is_planned_without_rollouts(plan: Plan) -> None:
    runs = {run.name: run for run in plan.runs}
    sft, grpo = runs["sft"], runs["grpo"]
    assert sft.steps == grpo.steps
    assert sft.tokens_per_step == 32 * (plan.prompts["training"] + 16)
    assert not sft.memory.rollouts
    assert sft.memory.resident["reference"] == 0
    assert sft.phases["prefill"] == sft.phases["decode"] == sft.phases["reference"] == 0
    assert 0 < sft.phases["update"] < grpo.phases["update"]
    assert sft.memory.peak < grpo.memory.peak


@pytest.mark.parametrize("text", ["step,time\n1,2\n", "step,seconds\n1,0\n", ""])
def test_a_file_without_times_is_no_rate(tmp_path: Path, text: str) -> None:
    (tmp_path / "times.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"times\.csv"):
        measured_step(tmp_path / "times.csv")


def test_copies_for_temporal_preference_are_clips_to_predict(plan) -> None:
    of_one = plan.predictions[-1]
    assert of_one.benchmark == "temporal preference"
    assert of_one.videos == 2 * 300 * (1 + 6)  # benchmarks, clips of each, raw and every kind
    each = sum(row.hours for row in plan.predictions)
    assert plan.predicted_hours == pytest.approx(plan.policies * each, rel=0.2)  # smaller bases


def test_every_run_of_the_smaller_scale_fits_one_gpu(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    params = load_all(root / "params.yaml", ["scale=single-gpu"])
    assert not make_plan(params, DEVICES["A100-80G"], 200).refusals


def test_every_remedy_that_is_named_makes_it_fit(job_of, sizes_8b) -> None:
    job, memory = job_of(sizes_8b), DEVICES["H100"].memory
    assert training_memory(job).peak > memory
    helps = training_remedies(job, memory)
    assert helps[:2] == [
        "training.lora {rank: 64, alpha: 128, parts: [language]}",
        "resources.train.gpu 4",
    ]
    assert training_memory(job_of(sizes_8b, 4)).peak <= memory
    assert training_memory(job_of(sizes_8b, 2)).peak > memory


def test_a_plan_that_does_not_fit_says_so_in_a_line_for_all_its_runs(
    paper: Parameters, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    refused = make_plan(paper, choose_device("RTX-4090", 26, gpu=True), 200).refusals
    assert any(line.startswith("runs grpo, no-regression") for line in refused)
    [prediction] = [line for line in refused if line.startswith("prediction")]
    assert "evaluation.batch_size 8" in prediction
    assert "clips.test_setting 6x448" in prediction


def test_the_demo_is_planned_on_the_cpu(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    demo = load_all(root / "params.yaml")
    made = make_plan(demo, choose_device(None, None, gpu=False), 200)
    assert {run.steps for run in made.runs} == {160}
    assert not made.device.gpu
    assert not made.refusals
    assert "Downloads: none" in as_text(made)
    json.dumps(as_json(made))


def test_a_training_is_told_what_it_takes_and_refused_before_it_loads(paper: Parameters) -> None:
    given = {"prompt": 1726, "videos": 28_056}
    about = ("grpo", paper.runs["grpo"], config_of("8B"), parse_setting("6x448"))
    line = one_line(*about, **given, processes=8, gpu_memory=DEVICES["H100"].memory)
    assert line.startswith("run grpo: 2,628 steps of 32 videos and about 80,832 tokens")
    assert "\n" not in line
    with pytest.raises(PlanError, match=r"run grpo: training needs .* it fits with training\.lora"):
        one_line(*about, **given, processes=1, gpu_memory=DEVICES["H100"].memory)


def test_a_token_step_takes_at_least_as_long_as_reading_the_weights(job_of, sizes_8b) -> None:
    job, device = job_of(sizes_8b, 8), DEVICES["H100"]
    phases = step_phases(job, device, 200)
    read = 2 * (sizes_8b.total - sizes_8b.embedding - 304_012_288 - 90_000_000)
    assert phases["decode"] > 400 * read / device.bandwidth
    cheaper = step_phases(job.changed(gradient_checkpointing=False, freeze=["vision"]), device, 200)
    assert cheaper["update"] < phases["update"]


def test_token_steps_take_as_long_as_those_that_were_measured(
    job_of: Callable[..., TrainingJob], root: Path
) -> None:
    path = root / "benchmarks" / "results" / "2026-11-27-h100" / "grpo-2b.json"
    seen = json.loads(path.read_text(encoding="utf-8"))
    steps = seen["counts"]["tokens"]["ours"]["decode"]["token_steps"]
    job = job_of(measure(config_of("2B")))
    phases = step_phases(job, DEVICES["H100"], steps / LONGEST)
    assert phases["decode"] == pytest.approx(seen["seconds"]["ours"]["decode"], rel=0.02)
    assert step_phases(job, DEVICES["B200"], steps / LONGEST)["decode"] == phases["decode"]


def test_hours_are_marked_as_measured_or_estimated(plan: Plan, paper: Parameters) -> None:
    told = make_plan(paper, DEVICES["H100"], 200, 21.0)
    for made, measured in ((plan, False), (told, True)):
        text = as_text(made)
        for figure in ("Disk", "Memory of a GPU, training", "Prediction", "In all"):
            assert re.search(rf"(?m)^{figure}.*estimated", text), figure
        [training] = re.findall(r"(?m)^Training.*", text)
        assert "estimated" in training
        assert ("measured" in training) is measured
