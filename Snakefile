"""VQAThinker from data sets to tables: what params.yaml says, at the scale it names."""

import re
import sys
from os.path import relpath
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")


configfile: "params.yaml"


include: "workflow/rules/command_line.smk"


HERE = Path(workflow.current_basedir.get_path_or_uri(secret_free=False))
sys.path.insert(0, str(HERE / "src"))

from vqathinker.layout import Layout
from vqathinker.phases.gpus import count_gpus, gpu_faults
from vqathinker.phases.parameters import resolve
from vqathinker.phases.run_lock import clear_stale_lock, hold_folder, release_folder
from vqathinker.phases.presence import absent_sets, describe_absent
from vqathinker.phases.stamps import (
    describe_out_of_date,
    settle_stamps,
    write_stamps,
)
from vqathinker.phases.targets import doubtful_words, unknown_targets
from vqathinker.phases.validation import faults_of

# Not in the processes of single jobs, nor where another workflow imports this one as a module.
MAIN = workflow.is_main_process and workflow.modifier.is_main_snakefile()
if MAIN and (notice := clear_stale_lock()):
    logger.warning(notice)
PARAMS = resolve(config)
SCHEMA = yaml.safe_load(
    (HERE / "workflow" / "schemas" / "params.schema.yaml").read_text("utf-8")
)
if faults := faults_of(PARAMS, config, SCHEMA, "params.yaml"):
    raise WorkflowError("\n".join(faults))
write_stamps(PARAMS, HERE)
if MAIN:
    for line in describe_out_of_date(PARAMS["scale"]):
        logger.info(line)
elif workflow.is_main_process:
    # The hooks below are not those of the other workflow.
    settle_stamps(PARAMS["scale"])
LAYOUT = Layout(PARAMS, absent_sets(PARAMS))
THREADS, RESOURCES = PARAMS["threads"], PARAMS["resources"]
ASKING = {"train": RESOURCES["train"]["gpu"]}
ASKING |= dict.fromkeys(("predict", "perturbed", "ask"), RESOURCES["predict"]["gpu"])
# Without a limit Snakemake starts every GPU job at once. Snakemake sets a number of nodes for a
# cluster, and also where somebody types --jobs.
if not workflow.remote_exec and "gpu" not in workflow.global_resources:
    if workflow.global_resources["_nodes"].value is None or (
        MAIN and typed().executor in {None, "local"}
    ):
        workflow.register_resource("gpu", max(1, count_gpus()))


wildcard_constraints:
    set="[^/]+",
    name="[^/]+",
    setting=r"\d+x\d+",
    run="[^/]+",
    shard=r"\d{4}",
    benchmark="[^/]+",
    task="[^/]+",
    folder=f"{LAYOUT.results}(/ablations)?",


onstart:
    hold_folder()
    if workflow.local_exec and not workflow.touch:
        rules_to_run = {job.rule.name for job in workflow.dag.needrun_jobs()}
        gpus_asked = {name: ASKING[name] for name in rules_to_run & ASKING.keys()}
        refused, warned = gpu_faults(PARAMS, gpus_asked, count_gpus())
        if refused:
            raise WorkflowError("\n".join(refused))
        for line in warned:
            logger.warning(line)
    settle_stamps(LAYOUT.scale)
    for line in describe_absent(PARAMS, LAYOUT.absent):
        logger.info(line)
    if PARAMS["data"]["demo"] is None:
        # The command may be only in the rules' environments; then say how to see the table.
        status = f"vqathinker data status --params {LAYOUT.stamp('data')}"
        shell(
            f"if command -v vqathinker > /dev/null; then {status}; else echo 'See: {status}'; fi"
        )


onsuccess:
    release_folder()


onerror:
    release_folder()


include: "workflow/rules/data.smk"
include: "workflow/rules/clips.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/preference.smk"
include: "workflow/rules/understanding.smk"
include: "workflow/rules/report.smk"


rule all:
    """Tables, figures and the page of the main runs."""
    default_target: True
    input:
        LAYOUT.report(LAYOUT.results),


rule ablations:
    """Tables, figures and the page of every run."""
    input:
        LAYOUT.report(LAYOUT.ablations),


if MAIN and Path(sys.argv[0]).stem in {"snakemake", "__main__"}:
    TARGETS = [rule.name for rule in workflow.rules if not rule.has_wildcards()]
    doubtful = doubtful_words(
        sys.argv[1:],
        TARGETS,
        lambda path: any(rule.is_producer(relpath(path)) for rule in workflow.rules),
    )
    asked = set(doubtful and typed().targets)
    if unknown := unknown_targets(
        [word for word in doubtful if word in asked], TARGETS
    ):
        raise WorkflowError(unknown)
