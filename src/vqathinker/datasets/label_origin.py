"""What the labels of a set are: computed by this project, or judged by people."""

from pathlib import Path
from typing import Literal

from vqathinker.datasets.card import CardError, load_card
from vqathinker.phases.cards import STAND_INS

__all__ = ["LabelOrigin", "label_origin"]

LabelOrigin = Literal["computed", "judged", "unknown"]


def label_origin(name: str, cards: Path | None = None) -> LabelOrigin:
    """What built-in cards say of a set; of your own sets it is unknown, and of stand-ins.

    `cards` is the folder of your own cards, in which a rehearsal names its stand-ins.
    """
    try:
        if load_card(name).made:
            return "computed"
    except CardError:
        return "unknown"
    rehearsed = cards is not None and (cards / STAND_INS).is_file()
    return "unknown" if rehearsed else "judged"
