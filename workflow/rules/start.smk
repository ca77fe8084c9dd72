"""Set-up before any rule: parameters, job keys, locks, and the number of GPUs."""

import re
import sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from shlex import quote

from snakemake.cli import parse_args

# A checkout runs its own code, here and in jobs, even if another checkout is installed. The prefix
# of shell commands sets PYTHONPATH because Snakemake unsets it in conda environments.
HERE = workflow.current_basedir.get_path_or_uri(secret_free=False)
SOURCE = Path(HERE).absolute().parents[1] / "src"
if (SOURCE / "vqathinker").is_dir():
    sys.path.insert(0, str(SOURCE))
    set_path = f"export PYTHONPATH={quote(str(SOURCE))}${{PYTHONPATH:+:$PYTHONPATH}}; "
    # Keep the prefix of an importing workflow. Snakemake 9 has no public way to read it.
    prefix = set_path + shell._get_process_prefix()
    shell.prefix(prefix.replace("{", "{{").replace("}", "}}"))

from vqathinker.layout import Layout
from vqathinker.params import resolve_config
from vqathinker.phases.cards import missing_sets, describe_missing
from vqathinker.phases.gpus import check_gpus, visible_gpus
from vqathinker.phases.keys import RESOLVED_PARAMS, JobKeys, key_path
from vqathinker.phases.locks import lock_folder
from vqathinker.phases.dvc_pull import reset_pulled_times
from vqathinker.video.sampling import SETTING_PATTERN
from vqathinker.phases.slurm_jobs import describe_jobs, earlier_jobs, wait_for_jobs


def command_line():
    """Options of the command line and the profiles, which Snakemake does not expose (0.25 s)."""
    with redirect_stderr(StringIO()):
        return parse_args(sys.argv[1:])[1]


def runs_no_job():
    """Whether this is a dry run, or a command that only prints something."""
    if Path(sys.argv[0]).stem not in {"snakemake", "__main__"}:
        return workflow.dryrun  # another program calls Snakemake
    args = command_line()
    options = ("dryrun", "unlock", "lint", "list_target_rules", "list_rules", "dag")
    options += ("rulegraph", "filegraph", "summary", "detailed_summary", "report")
    return any(getattr(args, name, None) for name in options)


# MAIN is false in the processes of single jobs, and if another workflow imports this one as a module.
IS_MODULE = not workflow.modifier.is_main_snakefile()
MAIN = workflow.is_main_process and not IS_MODULE
DRY = workflow.is_main_process and runs_no_job()
if MAIN and not DRY:
    # Jobs inherit the lock, so it lasts until the last of them ends.
    shell._process_args["pass_fds"] = [lock_folder()]
if MAIN and (jobs := earlier_jobs()):
    # Wait before Snakemake plans the jobs, so that it finds the outputs of the earlier ones.
    logger.warning(describe_jobs(jobs)) if DRY else wait_for_jobs(jobs, logger.warning)
PARAMS = resolve_config(config, None if IS_MODULE else workflow.config_settings)
MISSING = missing_sets(PARAMS)
LAYOUT, KEYS = Layout(PARAMS, MISSING), JobKeys(PARAMS, MISSING)
THREADS, RESOURCES = PARAMS["threads"], PARAMS["resources"]
if MAIN:
    for line in KEYS.changes:
        logger.info(line)
if workflow.is_main_process:
    KEYS.write_temporary() if DRY else KEYS.write()
# Without a limit, Snakemake starts all GPU jobs at once. A number of nodes means a cluster or --jobs.
if not workflow.remote_exec and "gpu" not in workflow.global_resources:
    is_local = workflow.global_resources["_nodes"].value is None
    if is_local or (MAIN and command_line().executor in {None, "local"}):
        workflow.register_resource("gpu", max(1, len(visible_gpus())))


onstart:
    if workflow.local_exec and not workflow.touch:
        rules_to_run = {job.rule.name for job in workflow.dag.needrun_jobs()}
        if warning := check_gpus(PARAMS, rules_to_run, len(visible_gpus())):
            logger.warning(warning)
    for line in describe_missing(PARAMS, MISSING):
        logger.info(line)
    if PARAMS["data"]["demo"] is None:
        # With --use-conda, the command may exist only in the environments of rules.
        status = f"vqathinker data status --params {quote(str(key_path(LAYOUT.scale, RESOLVED_PARAMS)))}"
        shell(
            f"if command -v vqathinker > /dev/null; then {status}; else echo 'See: {status}'; fi"
        )
