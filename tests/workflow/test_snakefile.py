"""The Snakefile plans every scale, and after a change runs just what depends on it."""

import json
import re

import pytest
import yaml

pytestmark = pytest.mark.workflow

# Commands of the report, and the rules that call them.
REPORTED = {"tables": 1, "numbers": 1, "figures": 1, "page": 1}
REPORT = {"write_tables": 1, "write_numbers": 1, "draw_figures": 1, "write_page": 1}
# Commands that follow a changed training of the one trained run: 3 benchmarks, then the report.
# The command gather also joins what is said of perturbed copies of the one benchmark of preference.
RETRAINED = {"train": 1, "export": 1, "predict": 3, "gather": 4, "metrics": 3}
RETRAINED |= {"perturbed": 1, "preference": 1, "ask": 1, "measure": 1} | REPORTED
FETCH_ALL = "download={fetch: all}"


def planned(output: str) -> dict[str, int]:
    """Jobs of each rule in the output of a dry run."""
    table = output.rsplit("Job stats:", maxsplit=1)[-1].split("total", maxsplit=1)[0]
    return {rule: int(n) for rule, n in re.findall(r"^(\w+)\s+(\d+)$", table, re.MULTILINE)}


@pytest.mark.parametrize(
    ("scale", "decode", "predict"),
    [("demo", None, 6), ("single-gpu", 181, 142), ("paper", 181, 142)],
)
def test_every_scale_is_planned_to_its_report_without_any_data(quick, scale, decode, predict):
    jobs = planned(quick.snakemake("--dry-run", "--config", f"scale={scale}", FETCH_ALL))
    assert jobs["all"] == 1
    assert jobs.items() >= REPORT.items()
    assert jobs["predict"] == predict  # one for each shard of clips
    assert jobs["gather"] == jobs["metrics"] == (6 if scale == "demo" else 20)
    assert jobs["gather_perturbed"] == jobs["preference"] == (2 if scale == "demo" else 4)
    assert jobs["fetch"] == jobs["manifest"]
    assert decode is None or jobs["decode"] == decode


def test_ablations_add_the_other_runs(quick):
    jobs = planned(
        quick.snakemake("--dry-run", "--config", "scale=paper", FETCH_ALL, "--", "ablations")
    )
    assert jobs["train"] == jobs["export"] == 17
    assert jobs["predict"] == 20 * 71
    assert jobs["gather"] == jobs["metrics"] == 200
    assert jobs["base"] == 4


MINE = {"name": "mine", "kind": "policy", "repo": "elsewhere/policy", "revision": "main"}


def test_a_row_that_is_only_evaluated_prepares_its_own_base_and_nothing_else(finished):
    finished.change("scales.demo.runs.mine", {"train": False, "group": "main", "base": MINE})
    plan = finished.snakemake("--dry-run")
    report = REPORT | {"all": 1, "ask": 1, "measure": 1}
    report |= {"perturbed": 1, "gather_perturbed": 1, "preference": 1}
    assert planned(plan) == {"base": 1, "predict": 3, "gather": 3, "metrics": 3, **report}
    assert "output: models/base/mine\n" in plan
    finished.snakemake()
    finished.calls()
    finished.change("scales.demo.runs.mine.base.revision", "v2")
    again = finished.snakemake("--dry-run")
    assert planned(again) == planned(plan)
    assert "models/base/demo" not in again


def test_a_row_with_its_own_base_trains_from_it(finished):
    finished.change("scales.demo.runs.mine", {"train": True, "group": "main", "base": MINE})
    plan = finished.snakemake("--dry-run")
    assert planned(plan)["base"] == planned(plan)["train"] == planned(plan)["export"] == 1
    assert "/train/mine.json, models/base/mine, " in plan


@pytest.mark.parametrize(
    ("chosen", "words", "most"),
    [
        ("0,1,2", ["--jobs", "4"], 3),
        ("", ["--workflow-profile", "workflow/profiles/slurm"], 8),  # whose nodes have them
    ],
)
def test_gpu_jobs_are_limited_to_the_gpus_of_this_machine(quick, chosen, words, most):
    quick.environment["CUDA_VISIBLE_DEVICES"] = chosen
    train = ("--config", "scale=paper", "--", "models/paper/grpo/history.csv")
    plan = quick.run("snakemake", "--dry-run", *words, *train)
    assert max(map(int, re.findall(r"gpu=(\d+)", plan.partition("rule train:")[2]))) == most


def test_without_a_gpu_scale_paper_stops_before_anything_is_downloaded(quick):
    quick.environment["CUDA_VISIBLE_DEVICES"] = ""
    code, said = quick.tried("snakemake", "--cores", "2", "--config", "scale=paper")
    assert code == 1
    assert "Scale paper needs 8 GPUs" in said
    assert "`vqathinker plan --scale paper`" in said
    assert not quick.calls()


def test_the_drawn_graph_is_that_of_the_rules(quick, root):
    drawn = (root / "docs" / "workflow.md").read_text(encoding="utf-8").split("```mermaid")[1]
    arrows = re.findall(r"(?m)^  (\w+) --> (.*)$", drawn.partition("```")[0])
    told = quick.run("snakemake", "--rulegraph", "mermaid-js", "--", "all")
    names = dict(re.findall(r"(id\d+)\[(\w+)\]", told))
    edges = {(names[a], names[b]) for a, b in re.findall(r"(id\d+) --> (id\d+)", told)}
    assert {(a, b) for a, several in arrows for b in several.split(" & ")} == edges


def test_every_way_to_give_parameters_has_the_types_of_yaml_1_2(quick):
    path = quick.folder / "params.yaml"
    text = path.read_text(encoding="utf-8").replace("\n  epsilon: 0.2 ", "\n  epsilon: 2e-1 ")
    path.write_text(text, encoding="utf-8")
    small = "scales: {demo: {training: {learning_rate: 2e-6}}}\n"
    (quick.folder / "small.yaml").write_text(small, encoding="utf-8")
    typed = ("training={beta: 1e-2}", "report={title: 1:30}")
    quick.snakemake("--configfile", "small.yaml", "--config", *typed, "--", "keys")
    resolved = json.loads((quick.folder / "workflow/keys/demo/params.json").read_text())["params"]
    training = resolved["runs"]["grpo"]["training"]
    assert [training[key] for key in ("epsilon", "learning_rate", "beta")] == [0.2, 2e-6, 0.01]
    assert resolved["report"]["title"] == "1:30"


def test_a_mistake_in_the_parameters_stops_before_any_job(quick):
    quick.change("training.epsilon", "small")
    with pytest.raises(AssertionError, match=r'training\.epsilon is "small"'):
        quick.snakemake("--dry-run")


def test_a_run_calls_every_stage_and_a_second_one_none(finished_once, finished):
    calls = finished_once[1]
    assert calls["train"] == calls["export"] == calls["base"] == calls["page"] == 1
    assert calls["fetch"] == calls["manifest"] == 4
    assert calls["predict"] == calls["metrics"] == 6
    assert calls["perturbed"] == calls["preference"] == calls["gather"] - 6 == 2
    assert "Nothing to be done" in finished.snakemake()


def test_ablations_leave_the_main_results_up_to_date(finished):
    rows = yaml.safe_load((finished.folder / "params.yaml").read_text(encoding="utf-8"))
    runs = rows["scales"]["demo"]["runs"]
    few = {name: runs[name] for name in ("base", "grpo", "grpo-no-temporal")}
    few["grpo-no-temporal"]["seeds"] = [43]  # grpo has two
    finished.change("scales.demo.runs", few)
    finished.snakemake()
    finished.calls()
    finished.snakemake("ablations")
    calls = finished.calls()
    assert (calls["train"], calls["decode"], calls["tables"]) == (4, 0, 1)
    assert "Nothing to be done" in finished.snakemake()
    assert "Nothing to be done" in finished.snakemake("ablations")


def test_before_real_sets_are_brought_comes_the_table_of_what_they_need(quick):
    paper = ("--config", "scale=paper", "--", "data/lsvq_test/source.json")
    quick.snakemake(*paper)
    calls = [line.split()[:2] for line in (quick.folder / "calls.txt").read_text().splitlines()]
    assert calls == [
        ["status", "--params"],
        ["fetch", "lsvq_train"],  # whose videos are those of lsvq_test
        ["fetch", "lsvq_test"],
    ]


def test_a_changed_training_parameter_retrains_and_evaluates_again(finished):
    finished.change("training.epsilon", 0.5)
    finished.snakemake()
    assert finished.calls() == RETRAINED


def test_a_change_is_seen_by_a_clone_that_has_the_results_but_not_their_history(finished):
    """Snakemake's own triggers lie in .snakemake, which no clone has."""
    finished.forget_snakemake()
    finished.snakemake("--touch", "--forceall")
    finished.calls()
    assert "Nothing to be done" in finished.snakemake()
    finished.change("training.epsilon", 0.5)
    finished.snakemake()
    assert finished.calls() == RETRAINED


def test_changed_code_reruns_nothing(finished):
    pinned = [finished.folder / "constraints.txt", finished.folder / "envs" / "policy.yaml"]
    for path in (*pinned, *(finished.folder / "src").rglob("*.py")):
        path.write_text(path.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert "Nothing to be done" in finished.snakemake()


def test_a_new_version_of_results_reruns_its_jobs_and_what_follows(finished):
    module = finished.folder / "src" / "vqathinker" / "phases" / "results_version.py"
    text = module.read_text(encoding="utf-8")
    module.write_text(text.replace('"figures": (', '"figures": ("before", '), encoding="utf-8")
    finished.environment["PYTHONPATH"] = str(finished.folder / "src")
    finished.snakemake()
    assert finished.calls() == {"figures": 1, "page": 1}


def test_a_new_benchmark_runs_its_own_jobs_and_the_report(finished):
    benchmarks = ["demo_content", "demo_distortion", "mine"]
    finished.change("scales.demo.data.counts.mine", 5)
    finished.change("scales.demo.data.out_of_distribution", benchmarks)
    card = finished.folder / "src/vqathinker/datasets/cards/demo_content.yaml"
    own = card.read_text(encoding="utf-8").replace("name: demo_content", "name: mine")
    (finished.folder / "cards" / "mine.yaml").write_text(own, encoding="utf-8")
    finished.snakemake()
    of_set = {"fetch": 1, "manifest": 1, "decode": 1, "thumbnails": 1}
    assert finished.calls() == of_set | {"predict": 2, "gather": 2, "metrics": 2} | REPORTED


def test_a_new_run_runs_its_own_jobs_and_the_report(finished):
    finished.change("scales.demo.runs.mine", {"train": True, "group": "main"})
    finished.snakemake()
    assert finished.calls() == RETRAINED


def test_a_changed_weight_retrains_the_runs_that_use_it(finished):
    for name in ("a", "b"):
        finished.change(f"scales.demo.runs.{name}", {"train": True, "group": "main"})
    finished.snakemake()
    finished.calls()
    finished.change("scales.demo.runs.b.rewards", {"weights": {"temporal": 0.5}})
    finished.snakemake()
    assert finished.calls() == RETRAINED
    finished.change("rewards.weights.temporal", 0.2)  # of grpo and a; b has its own
    finished.snakemake()
    calls = finished.calls()
    assert (calls["train"], calls["export"], calls["predict"], calls["base"]) == (2, 2, 6, 0)


def test_a_file_written_anew_with_equal_content_reruns_nothing(finished):
    for path in (finished.folder / "workflow" / "keys").rglob("*.json"):
        path.write_bytes(path.read_bytes())
    assert "Nothing to be done" in finished.snakemake()


def test_a_dry_run_with_other_parameters_changes_nothing(finished):
    plan = finished.snakemake("--dry-run", "--config", "seed=5")
    assert planned(plan)["train"] == 1
    assert "Nothing to be done" in finished.snakemake()


def test_other_patience_with_servers_makes_nothing_out_of_date(finished):
    finished.change("download.attempts", 9)
    assert "Nothing to be done" in finished.snakemake()


def test_a_file_of_parameters_is_laid_over_a_scale(finished):
    own = finished.folder / "own.yaml"
    own.write_text("evaluation: {batch_size: 3}\n", encoding="utf-8")
    finished.snakemake("--configfile", "own.yaml")
    predicted = {"predict": 6, "gather": 8, "metrics": 6, "perturbed": 2, "preference": 2}
    assert finished.calls() == predicted | {"ask": 2, "measure": 2} | REPORTED


def test_no_output_is_tracked_by_git(quick, root):
    """A tracked output makes a fresh clone say that there is nothing to be done."""
    ignored = (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    plan = quick.snakemake("--dry-run", "ablations")
    made = set(re.findall(r"^    output: (\w+)/", plan, re.MULTILINE))
    assert made == {"data", "clips", "models", "predictions", "results"}
    assert {f"/{folder}/" for folder in made - {"results"}} | {"/results/*"} <= set(ignored)


def test_every_value_of_a_shell_command_is_quoted(root):
    """A title or path from params.yaml may hold blanks, quotes and semicolons."""
    for file in (root / "workflow" / "rules").glob("*.smk"):
        text = file.read_text("utf-8")
        for command in re.findall(r"    shell:\n((?:        .*\n?)+)", text):
            unquoted = re.findall(r"\{(?!threads|resources\.gpu)[^}]*(?<!:q)\}", command)
            assert not unquoted, (file.name, command)
