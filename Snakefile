"""VQAThinker from data sets to tables: what params.yaml says, at the scale it names."""

import re
import sys
from os.path import relpath
from pathlib import Path

import yaml
from snakemake.cli import get_argument_parser
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")


configfile: "params.yaml"


HERE = Path(workflow.current_basedir.get_path_or_uri(secret_free=False))
sys.path.insert(0, str(HERE / "src"))

from vqathinker.layout import Layout
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
    settle_stamps(
        PARAMS["scale"]
    )  # the hooks below are not those of the other workflow
LAYOUT = Layout(PARAMS, absent_sets(PARAMS))
THREADS, RESOURCES = PARAMS["threads"], PARAMS["resources"]


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


if MAIN:
    TARGETS = [rule.name for rule in workflow.rules if not rule.has_wildcards()]
    doubtful = doubtful_words(
        sys.argv[1:],
        TARGETS,
        lambda path: any(rule.is_producer(relpath(path)) for rule in workflow.rules),
    )
    # Snakemake keeps the targets to itself while it reads this file; asking its parser takes time.
    if doubtful and Path(sys.argv[0]).stem in {"snakemake", "__main__"}:
        asked = get_argument_parser().parse_known_args(sys.argv[1:])[0].targets
        if unknown := unknown_targets(
            [word for word in asked if word in doubtful], TARGETS
        ):
            raise WorkflowError(unknown)
