"""Data set cards: what a set is, who may use it, and how its label file is read.

One YAML file per set in `cards/`, read as data and checked here. Facts of the paper's sets come
from their owners' pages and label files; a set of one's own is one more card.
"""

from importlib import resources
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = ["Card", "CardError", "LabelFile", "card_names", "load_card"]

_CARDS = resources.files("vqathinker.datasets") / "cards"


class CardError(ValueError):
    """A card that does not exist or does not hold what a card must."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LabelFile(_Strict):
    """How MOS are read."""

    file: str = Field(description="path below the set's source folder")
    reader: Literal["csv"] = Field(description="csv: a header with at least video and mos")
    scale: tuple[float, float] = Field(description="lowest and highest MOS that can occur")
    training_scale_divisor: float | None = Field(
        default=None, gt=0, description="MOS / divisor is what training sees; null: MOS itself"
    )


class Card(_Strict):
    """Facts of one data set.

    `made` sets are made on the spot from params.yaml; all others are put in place by the user,
    who follows `access`. `expected` counts the rows of the label file; null where params.yaml says.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$")
    title: str
    role: Literal["train", "in-domain", "out-of-distribution"]
    made: bool
    licence: str
    homepage: str | None
    citation: str
    expected: int | None = Field(gt=0)
    access: str
    label: LabelFile
    notes: tuple[str, ...] = ()

    @property
    def split(self) -> Literal["train", "test"]:
        """Whether policies are trained on this set or tested on it."""
        return "train" if self.role == "train" else "test"

    @property
    def domain(self) -> Literal["in-domain", "out-of-distribution"]:
        """Where the set stands to the training set, which is in its own domain."""
        return "out-of-distribution" if self.role == "out-of-distribution" else "in-domain"


def card_names() -> list[str]:
    """Name all sets that have a card, in alphabetical order."""
    files = (entry.name for entry in _CARDS.iterdir())
    return sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))


def load_card(name: str) -> Card:
    """Read the card of the set `name`.

    Raises:
        CardError: there is no such card, or it is not as `Card` describes.
    """
    if name not in card_names():
        known = ", ".join(card_names())
        raise CardError(f"no data set {name!r}: params.yaml may name {known}, or add its card")
    file = _CARDS / f"{name}.yaml"
    content: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    try:
        card = Card.model_validate(content)
    except ValidationError as error:
        raise CardError(f"{file}: {error}") from error
    if card.name != name:
        raise CardError(f"{file}: its name is {card.name!r}, expected {name!r}, that of the file")
    return card
