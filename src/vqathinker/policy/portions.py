"""How much of a batch goes through a model at once where no gradient is wanted.

What a forward pass holds grows with the positions in it. A step on one GPU has 160 prompts of 1,700
tokens and 192 frames of 1,025 patches; in portions they need no more memory than a few of them.
"""

from typing import Final

__all__ = ["POSITIONS_AT_A_TIME", "rows_at_a_time"]

POSITIONS_AT_A_TIME: Final = 32_768  # enough to keep a GPU busy; the demo's largest step has fewer


def rows_at_a_time(positions: int) -> int:
    """Rows of so many positions in a portion: at least one."""
    return max(1, POSITIONS_AT_A_TIME // positions)
