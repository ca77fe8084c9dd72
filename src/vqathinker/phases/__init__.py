"""What the workflow decides before a job starts: parameters, what is out of date, what exists.

The Snakefile imports these modules, so they do without pandas, numpy and torch.
"""
