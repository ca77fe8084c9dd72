"""What was typed, which Snakemake keeps to itself while it reads the Snakefile."""

import sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from snakemake.cli import parse_args


def typed():
    """The command line, settings of its profiles included; takes a quarter of a second."""
    with redirect_stderr(StringIO()):
        return parse_args(sys.argv[1:])[1]


def only_looks():
    """Whether no job will run; another program that calls Snakemake is taken at its word."""
    if Path(sys.argv[0]).stem not in {"snakemake", "__main__"}:
        return workflow.dryrun
    args = typed()
    looks = ("dryrun", "unlock", "lint", "list_target_rules", "list_rules", "dag")
    looks += ("rulegraph", "filegraph", "summary", "detailed_summary", "report")
    return any(getattr(args, name, None) for name in looks)
