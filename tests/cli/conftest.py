"""A project in which every command has run once."""

from tests.cli.finished_project import finished_project

__all__ = ["finished_project"]
