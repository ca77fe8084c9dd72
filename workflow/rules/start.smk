"""What is decided before any rule: parameters, files of jobs, locks, and the number of GPUs."""

import re
import sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from shlex import quote

from snakemake.cli import parse_args

# A checkout runs its own code, here and in jobs, even if another checkout is installed. The prefix
# is needed because Snakemake unsets PYTHONPATH in conda environments.
HERE = workflow.current_basedir.get_path_or_uri(secret_free=False)
SOURCE = Path(HERE).absolute().parents[1] / "src"
if (SOURCE / "vqathinker").is_dir():
    sys.path.insert(0, str(SOURCE))
    own_code = f"export PYTHONPATH={quote(str(SOURCE))}${{PYTHONPATH:+:$PYTHONPATH}}; "
    # Keep the prefix of an importing workflow. Snakemake 9 has no public way to read it.
    prefix = own_code + shell._get_process_prefix()
    shell.prefix(prefix.replace("{", "{{").replace("}", "}}"))

from vqathinker.layout import Layout
from vqathinker.params import resolve_config
from vqathinker.phases.cards import absent_sets, describe_absent
from vqathinker.phases.gpus import check_gpus, visible_gpus
from vqathinker.phases.keys import RESOLVED, JobKeys, key_path
from vqathinker.phases.locks import hold_folder
from vqathinker.phases.pulled import settle_pulled
from vqathinker.phases.slurm_jobs import describe_left, jobs_left, wait_for_jobs


def command_line():
    """The command line with its profiles, which Snakemake does not expose; takes 0.25 s."""
    with redirect_stderr(StringIO()):
        return parse_args(sys.argv[1:])[1]


def runs_no_job():
    """Whether this is a dry run or the like."""
    if Path(sys.argv[0]).stem not in {"snakemake", "__main__"}:
        return workflow.dryrun  # another program calls Snakemake
    args = command_line()
    options = ("dryrun", "unlock", "lint", "list_target_rules", "list_rules", "dag")
    options += ("rulegraph", "filegraph", "summary", "detailed_summary", "report")
    return any(getattr(args, name, None) for name in options)


# Not in the processes of single jobs, nor if another workflow imports this one as a module.
IS_MODULE = not workflow.modifier.is_main_snakefile()
MAIN = workflow.is_main_process and not IS_MODULE
DRY = workflow.is_main_process and runs_no_job()
if MAIN and not DRY:
    # Jobs inherit the lock, so that it lasts as long as any of them.
    shell._process_args["pass_fds"] = [hold_folder()]
if MAIN and (left := jobs_left()):
    # Before the jobs are planned, so that the outputs of these are seen.
    logger.warning(describe_left(left)) if DRY else wait_for_jobs(left, logger.warning)
PARAMS = resolve_config(config, None if IS_MODULE else workflow.config_settings)
ABSENT = absent_sets(PARAMS)
LAYOUT, KEYS = Layout(PARAMS, ABSENT), JobKeys(PARAMS, ABSENT)
THREADS, RESOURCES = PARAMS["threads"], PARAMS["resources"]
if MAIN:
    for line in KEYS.changes:
        logger.info(line)
if workflow.is_main_process:
    KEYS.write_elsewhere() if DRY else KEYS.write()
# Without a limit, Snakemake starts all GPU jobs at once. It sets a number of nodes for a cluster,
# and also for --jobs.
if not workflow.remote_exec and "gpu" not in workflow.global_resources:
    is_local = workflow.global_resources["_nodes"].value is None
    if is_local or (MAIN and command_line().executor in {None, "local"}):
        workflow.register_resource("gpu", max(1, len(visible_gpus())))


onstart:
    if workflow.local_exec and not workflow.touch:
        rules_to_run = {job.rule.name for job in workflow.dag.needrun_jobs()}
        if warning := check_gpus(PARAMS, rules_to_run, len(visible_gpus())):
            logger.warning(warning)
    for line in describe_absent(PARAMS, ABSENT):
        logger.info(line)
    if PARAMS["data"]["demo"] is None:
        # The command may exist only in the environments of rules.
        status = f"vqathinker data status --params {quote(str(key_path(LAYOUT.scale, RESOLVED)))}"
        shell(
            f"if command -v vqathinker > /dev/null; then {status}; else echo 'See: {status}'; fi"
        )
