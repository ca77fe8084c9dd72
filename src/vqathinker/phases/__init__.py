"""What the workflow decides before a job starts: parameters, what is out of date, what is there.

Standard library and PyYAML only: the Snakefile reads this.
"""
