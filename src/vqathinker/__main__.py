"""`python -m vqathinker`, as several processes of one training are started."""

from vqathinker.cli import app

app()
