"""VQAThinker: video quality assessment by reinforcement learning (arXiv 2508.06051)."""

__all__ = ["__version__"]

__version__ = "0.1.0"
