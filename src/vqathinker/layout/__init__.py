"""Where everything lies that the pipeline makes: paths as a function of the resolved parameters.

Nothing but the standard library and PyYAML: the Snakefile's rules ask it for their inputs. Paths
are relative to the project's root, with forward slashes, as Snakemake compares them.
"""

from vqathinker.layout.results import Layout

__all__ = ["Layout"]
