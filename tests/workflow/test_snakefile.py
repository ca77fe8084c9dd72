"""Snakemake plans every scale, and after a change runs only the jobs that depend on it."""

import json
import re
import shutil

import pytest
import yaml

pytestmark = pytest.mark.workflow

# Calls of commands for the report, and jobs of their rules.
REPORT_CALLS = {"tables": 1, "metrics-json": 1, "figures": 1, "report": 1}
REPORT_JOBS = {"write_tables": 1, "write_metrics_json": 1, "draw_figures": 1, "write_report": 1}
# Calls after a change of the training of one run. `merge-predictions` also merges those
# of perturbed clips of one benchmark.
RETRAINED = {"train": 1, "export": 1, "predict": 3, "merge-predictions": 4, "metrics": 3}
RETRAINED |= {"predict-perturbed": 1, "preference": 1, "ask": 1, "measure": 1} | REPORT_CALLS
FETCH_ALL = "download={fetch: all}"


def planned_jobs(output: str) -> dict[str, int]:
    """Jobs of each rule in the output of a dry run."""
    table = output.rsplit("Job stats:", maxsplit=1)[-1].split("total", maxsplit=1)[0]
    return {rule: int(n) for rule, n in re.findall(r"^(\w+)\s+(\d+)$", table, re.MULTILINE)}


@pytest.mark.parametrize(
    ("scale", "decode", "predict"),
    [("demo", None, 6), ("single-gpu", 181, 142), ("paper", 181, 142)],
)
def test_every_scale_is_planned_without_any_data(project, scale, decode, predict):
    jobs = planned_jobs(project.snakemake("--dry-run", "--config", f"scale={scale}", FETCH_ALL))
    assert jobs["all"] == 1
    assert jobs.items() >= REPORT_JOBS.items()
    assert jobs["predict"] == predict  # one per shard of clips
    assert jobs["merge_predictions"] == jobs["metrics"] == (6 if scale == "demo" else 20)
    assert jobs["merge_perturbed"] == jobs["preference"] == (2 if scale == "demo" else 4)
    assert jobs["fetch"] == jobs["manifest"]
    assert decode is None or jobs["decode"] == decode


def test_ablations_add_the_other_runs(project):
    jobs = planned_jobs(
        project.snakemake("--dry-run", "--config", "scale=paper", FETCH_ALL, "--", "ablations")
    )
    assert jobs["train"] == jobs["export"] == 17
    assert jobs["predict"] == 20 * 71
    assert jobs["merge_predictions"] == jobs["metrics"] == 200
    assert jobs["base"] == 4


OWN_BASE = {"name": "mine", "kind": "policy", "repo": "elsewhere/policy", "revision": "main"}


def test_an_evaluated_run_with_its_own_base_prepares_only_that_base(finished_project):
    finished_project.set_param(
        "scales.demo.runs.mine", {"train": False, "group": "main", "base": OWN_BASE}
    )
    plan = finished_project.snakemake("--dry-run")
    report = REPORT_JOBS | {"all": 1, "ask": 1, "measure": 1}
    report |= {"predict_perturbed": 1, "merge_perturbed": 1, "preference": 1}
    assert planned_jobs(plan) == {
        "base": 1,
        "predict": 3,
        "merge_predictions": 3,
        "metrics": 3,
        **report,
    }
    assert "output: models/base/mine\n" in plan
    finished_project.snakemake()
    finished_project.calls()
    finished_project.set_param("scales.demo.runs.mine.base.revision", "v2")
    again = finished_project.snakemake("--dry-run")
    assert planned_jobs(again) == planned_jobs(plan)
    assert "models/base/demo" not in again


def test_a_trained_run_with_its_own_base_starts_from_it(finished_project):
    finished_project.set_param(
        "scales.demo.runs.mine", {"train": True, "group": "main", "base": OWN_BASE}
    )
    plan = finished_project.snakemake("--dry-run")
    jobs = planned_jobs(plan)
    assert jobs["base"] == jobs["train"] == jobs["export"] == 1
    assert "/train/mine.json, models/base/mine, " in plan


@pytest.mark.parametrize(
    ("visible", "arguments", "most"),
    [
        ("0,1,2", ["--jobs", "4"], 3),
        ("", ["--workflow-profile", "workflow/profiles/slurm"], 8),  # the GPUs are on its nodes
    ],
)
def test_gpu_jobs_are_limited_to_the_gpus_of_this_machine(project, visible, arguments, most):
    project.environment["CUDA_VISIBLE_DEVICES"] = visible
    train = ("--config", "scale=paper", "--", "models/paper/grpo/history.csv")
    plan = project.run("snakemake", "--dry-run", *arguments, *train)
    assert max(map(int, re.findall(r"gpu=(\d+)", plan.partition("rule train:")[2]))) == most


def test_without_a_gpu_scale_paper_stops_before_anything_is_downloaded(project):
    project.environment["CUDA_VISIBLE_DEVICES"] = ""
    code, output = project.run_unchecked("snakemake", "--cores", "2", "--config", "scale=paper")
    assert code == 1
    assert "8 GPUs" in output
    assert "vqathinker plan --scale paper" in output
    assert not project.calls()


def test_the_graph_of_the_documentation_is_that_of_the_rules(project, root):
    drawn = (root / "docs" / "workflow.md").read_text(encoding="utf-8").split("```mermaid")[1]
    arrows = re.findall(r"(?m)^  (\w+) --> (.*)$", drawn.partition("```")[0])
    graph = project.run("snakemake", "--rulegraph", "mermaid-js", "--", "all")
    names = dict(re.findall(r"(id\d+)\[(\w+)\]", graph))
    edges = {(names[a], names[b]) for a, b in re.findall(r"(id\d+) --> (id\d+)", graph)}
    assert {(a, b) for a, several in arrows for b in several.split(" & ")} == edges


def test_numbers_in_all_parameter_sources_are_those_of_yaml_1_2(project):
    path = project.folder / "params.yaml"
    text = path.read_text(encoding="utf-8").replace("\n  epsilon: 0.2 ", "\n  epsilon: 2e-1 ")
    path.write_text(text, encoding="utf-8")
    small = "scales: {demo: {training: {learning_rate: 2e-6}}}\n"
    (project.folder / "small.yaml").write_text(small, encoding="utf-8")
    typed = ("training={beta: 1e-2}", "report={title: 1:30}")
    project.snakemake("--configfile", "small.yaml", "--config", *typed, "--", "keys")
    resolved = json.loads((project.folder / "workflow/keys/demo/params.json").read_text())["params"]
    training = resolved["runs"]["grpo"]["training"]
    assert [training[key] for key in ("epsilon", "learning_rate", "beta")] == [0.2, 2e-6, 0.01]
    assert resolved["report"]["title"] == "1:30"


def test_an_invalid_parameter_stops_before_any_job(project):
    project.set_param("training.epsilon", "small")
    code, output = project.run_unchecked("snakemake", "--dry-run")
    assert code == 1
    assert re.search('training.epsilon.*"small"', output)


def test_a_run_calls_every_command_and_a_second_one_none(demo_run, finished_project):
    calls = demo_run[1]
    assert calls["train"] == calls["export"] == calls["base"] == calls["report"] == 1
    assert calls["fetch"] == calls["manifest"] == 4
    assert calls["predict"] == calls["metrics"] == 6
    assert calls["predict-perturbed"] == calls["preference"] == calls["merge-predictions"] - 6 == 2
    assert "Nothing to be done" in finished_project.snakemake()


def test_ablations_leave_the_main_results_up_to_date(finished_project):
    rows = yaml.safe_load((finished_project.folder / "params.yaml").read_text(encoding="utf-8"))
    runs = rows["scales"]["demo"]["runs"]
    selected = {name: runs[name] for name in ("base", "grpo", "grpo-no-temporal")}
    selected["grpo-no-temporal"]["seeds"] = [43]  # grpo has two
    finished_project.set_param("scales.demo.runs", selected)
    finished_project.snakemake()
    finished_project.calls()
    finished_project.snakemake("ablations")
    calls = finished_project.calls()
    assert (calls["train"], calls["decode"], calls["tables"]) == (4, 0, 1)
    assert "Nothing to be done" in finished_project.snakemake()
    assert "Nothing to be done" in finished_project.snakemake("ablations")


def test_a_table_of_data_sets_is_printed_before_real_ones_are_fetched(project):
    paper = ("--config", "scale=paper", "--", "data/lsvq_test/source.json")
    project.snakemake(*paper)
    calls = [words.split()[:2] for words, *_ in project.read_calls()]
    assert calls == [
        ["status", "--params"],
        ["fetch", "lsvq_train"],  # whose videos are those of lsvq_test
        ["fetch", "lsvq_test"],
    ]


def test_a_clone_without_snakemakes_history_notices_changed_parameters(finished_project):
    shutil.rmtree(finished_project.folder / ".snakemake")
    shutil.rmtree(finished_project.folder / "workflow" / "keys")
    finished_project.snakemake("--touch", "--forceall")
    finished_project.calls()
    assert "Nothing to be done" in finished_project.snakemake()
    finished_project.set_param("training.epsilon", 0.5)
    finished_project.snakemake()
    assert finished_project.calls() == RETRAINED


def test_changed_code_reruns_nothing(finished_project):
    pinned = [
        finished_project.folder / "constraints.txt",
        finished_project.folder / "envs" / "policy.yaml",
    ]
    for path in (*pinned, *(finished_project.folder / "src").rglob("*.py")):
        path.write_text(path.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert "Nothing to be done" in finished_project.snakemake()


def test_a_new_results_version_reruns_its_jobs_and_those_after_them(finished_project):
    module = finished_project.folder / "src" / "vqathinker" / "phases" / "results_version.py"
    text = module.read_text(encoding="utf-8")
    module.write_text(text.replace('"figures": (', '"figures": ("before", '), encoding="utf-8")
    finished_project.environment["PYTHONPATH"] = str(finished_project.folder / "src")
    finished_project.snakemake()
    assert finished_project.calls() == {"figures": 1, "report": 1}


def test_a_new_benchmark_runs_its_own_jobs_and_the_report(finished_project):
    benchmarks = ["demo_content", "demo_distortion", "mine"]
    finished_project.set_param("scales.demo.data.counts.mine", 5)
    finished_project.set_param("scales.demo.data.out_of_distribution", benchmarks)
    card = finished_project.folder / "src/vqathinker/datasets/cards/demo_content.yaml"
    own = card.read_text(encoding="utf-8").replace("name: demo_content", "name: mine")
    (finished_project.folder / "cards" / "mine.yaml").write_text(own, encoding="utf-8")
    finished_project.snakemake()
    jobs_of_set = {"fetch": 1, "manifest": 1, "decode": 1, "thumbnails": 1}
    assert (
        finished_project.calls()
        == jobs_of_set | {"predict": 2, "merge-predictions": 2, "metrics": 2} | REPORT_CALLS
    )


def test_a_new_run_runs_its_own_jobs_and_the_report(finished_project):
    finished_project.set_param("scales.demo.runs.mine", {"train": True, "group": "main"})
    finished_project.snakemake()
    assert finished_project.calls() == RETRAINED


def test_a_changed_weight_retrains_the_runs_that_use_it(finished_project):
    for name in ("a", "b"):
        finished_project.set_param(f"scales.demo.runs.{name}", {"train": True, "group": "main"})
    finished_project.snakemake()
    finished_project.calls()
    finished_project.set_param("scales.demo.runs.b.rewards", {"weights": {"temporal": 0.5}})
    finished_project.snakemake()
    assert finished_project.calls() == RETRAINED
    finished_project.set_param("rewards.weights.temporal", 0.2)  # used by grpo and a, but not by b
    finished_project.snakemake()
    calls = finished_project.calls()
    assert (calls["train"], calls["export"], calls["predict"], calls["base"]) == (2, 2, 6, 0)


def test_a_rewritten_file_with_equal_content_reruns_nothing(finished_project):
    for path in (finished_project.folder / "workflow" / "keys").rglob("*.json"):
        path.write_bytes(path.read_bytes())
    assert "Nothing to be done" in finished_project.snakemake()


def test_a_dry_run_with_other_parameters_changes_nothing(finished_project):
    plan = finished_project.snakemake("--dry-run", "--config", "seed=5")
    assert planned_jobs(plan)["train"] == 1
    assert "Nothing to be done" in finished_project.snakemake()


def test_a_changed_download_setting_reruns_nothing(finished_project):
    finished_project.set_param("download.attempts", 9)
    assert "Nothing to be done" in finished_project.snakemake()


def test_a_configfile_overrides_the_scale(finished_project):
    own = finished_project.folder / "own.yaml"
    own.write_text("evaluation: {batch_size: 3}\n", encoding="utf-8")
    finished_project.snakemake("--configfile", "own.yaml")
    predicted = {
        "predict": 6,
        "merge-predictions": 8,
        "metrics": 6,
        "predict-perturbed": 2,
        "preference": 2,
    }
    assert finished_project.calls() == predicted | {"ask": 2, "measure": 2} | REPORT_CALLS


def test_every_value_of_a_shell_command_is_quoted(root):
    """A title or path from params.yaml may contain spaces, quotes and semicolons."""
    for file in (root / "workflow" / "rules").glob("*.smk"):
        text = file.read_text("utf-8")
        for command in re.findall(r"    shell:\n((?:        .*\n?)+)", text):
            unquoted = re.findall(r"\{(?!threads|resources\.gpu)[^}]*(?<!:q)\}", command)
            assert not unquoted, (file.name, command)
