"""VQAThinker from data sets to tables: what params.yaml says, at the scale it names."""

import re
import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")


configfile: "params.yaml"


sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from vqathinker.layout import Layout
from vqathinker.phases.parameters import resolve
from vqathinker.phases.run_lock import clear_stale_lock, hold_folder, release_folder
from vqathinker.phases.presence import absent_sets, describe_absent
from vqathinker.phases.pulled import settle_pulled
from vqathinker.phases.stamps import settle_stamps, write_stamps
from vqathinker.phases.validation import faults_of

if workflow.is_main_process and (notice := clear_stale_lock()):
    logger.warning(notice)
PARAMS = resolve(config)
SCHEMA = yaml.safe_load(
    Path(workflow.basedir, "workflow/schemas/params.schema.yaml").read_text("utf-8")
)
if faults := faults_of(PARAMS, config, SCHEMA, "params.yaml"):
    raise WorkflowError("\n".join(faults))
write_stamps(PARAMS, Path(workflow.basedir))
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


if workflow.is_main_process:
    outputs = [output.regex() for rule in workflow.rules for output in rule.output]
    if notice := settle_pulled(PARAMS, outputs):
        logger.warning(notice)


rule all:
    default_target: True
    input:
        LAYOUT.report(LAYOUT.results),


rule ablations:
    input:
        LAYOUT.report(LAYOUT.ablations),
