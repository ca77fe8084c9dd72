"""The pipeline's phases: which parameters and code each depends on, and stamps that tell a change.

Snakemake remembers parameters in `.snakemake/`, which no clone and no DVC cache carries along. So
every phase has a small file with the parameters and code it depends on, rewritten only when they
change, and the rules take it as input. Standard library and PyYAML only: the Snakefile reads this.
"""
