"""What the workflow decides before a job starts: parameters, job keys, missing sets, locks.

The Snakefile imports these modules, so they import neither pandas nor torch.
"""
