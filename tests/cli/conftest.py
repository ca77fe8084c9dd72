"""Fixtures of the commands."""

from tests.cli.finished_project import finished_project

__all__ = ["finished_project"]
