"""Data set cards: what a set is, who may use it, where its files come from, how labels are read.

One YAML file per set in `cards/`, read as data and checked here. Facts of the paper's sets come
from their owners' pages and label files; a set of one's own is one more card in a folder of the
project (`data.cards` in params.yaml).
"""

import re
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from vqathinker.datasets.name_rules import WORDS, parse_words
from vqathinker.datasets.remote_file import RemoteFile, StrictModel, Variable
from vqathinker.datasets.stand_ins import with_stand_ins
from vqathinker.params.faults import describe_faults
from vqathinker.phases.yaml12 import read_yaml

__all__ = [
    "Access",
    "Agreement",
    "Card",
    "CardError",
    "LabelError",
    "LabelFile",
    "card_names",
    "load_card",
]

_CARDS = resources.files("vqathinker.datasets") / "cards"
_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")


class CardError(ValueError):
    """A card that does not exist or does not hold what a card must."""


class LabelError(ValueError):
    """A label file that is not as the card says; the message names file, place and value."""


def _has_group(pattern: str) -> str:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    if not compiled.groups:
        raise ValueError(f"{pattern!r} needs a group: what is in (...) is what counts")
    return pattern


def _says_what_is_equal(match: str) -> str:
    if parse_words(match):
        return match
    try:
        return _has_group(match)
    except ValueError as error:
        raise ValueError(f"{error}; or it is made of the words {', '.join(WORDS)}") from None


Pattern = Annotated[str, AfterValidator(_has_group)]
MatchRule = Annotated[str, AfterValidator(_says_what_is_equal)]


class Access(StrictModel):
    """How files come: `made` on the spot, `open`, with a `token`, `manual`, or `local`.

    A token stands in the environment: of the hub, or the password of an archive that anybody may
    download. Manual is what a person asks for on `page`. Local is what you have already.
    """

    kind: Literal["made", "open", "token", "manual", "local"]
    say: str = Field(description="in words: what is where, and what to ask for")
    page: str | None = Field(default=None, pattern=r"^https://\S+$", description="where to ask")
    token_env: Variable | None = None

    @model_validator(mode="after")
    def _names_where_to_ask(self) -> Self:
        if self.kind in {"token", "manual"} and not self.page:
            raise ValueError(f"{self.kind} access needs `page`, where to ask")
        if (self.kind == "token") != (self.token_env is not None):
            raise ValueError("token_env belongs to access of kind token, and only there")
        return self


class Columns(StrictModel):
    """Where id and MOS stand: names of columns (csv, wide: of rows), keys, or positions from 0."""

    video: str | int = "video"
    mos: str | int = "mos"


class Rename(StrictModel):
    r"""What is written becomes the label id: a whole match of `pattern`, put into `becomes`."""

    pattern: Pattern
    becomes: str


class Agreement(StrictModel):
    """What another label file must say of the same videos: this often as much, within that."""

    times: float = Field(default=1.0, gt=0)
    within: float = Field(ge=0)


class LabelFile(StrictModel):
    """How a label file is read, see `vqathinker.datasets.readers`."""

    file: str = Field(description="path below the set's source folder")
    reader: Literal["annotations", "csv", "comma", "wide", "maxwell", "finevd", "q_bench_video"]
    columns: Columns = Columns()
    names: str | None = Field(default=None, description="file beside it that holds the names")
    rename: Rename | None = None
    scale: tuple[float, float] | None = Field(
        description="lowest and highest MOS that can occur; null where no MOS is in it"
    )
    direction: Literal["higher", "lower"] = Field(default="higher", description="which is better")
    training_scale_divisor: float | None = Field(
        default=None, gt=0, description="MOS / divisor is what training sees; null: MOS itself"
    )
    agrees: Agreement | None = Field(
        default=None, description="with the first label file; for the others"
    )

    @model_validator(mode="after")
    def _has_a_scale_that_rises(self) -> Self:
        if self.scale is not None and not self.scale[0] < self.scale[1]:
            raise ValueError(f"scale is {list(self.scale)}, expected the lowest MOS first")
        return self


class Card(StrictModel):
    """Facts of one data set.

    The first of `labels` is the list of the set: each of its rows is a row of the manifest, and
    `expected` is their number (null where params.yaml says). The others are kept to be compared.
    `files_of` names the set in whose source folder the videos lie. `match` says what a label id
    and a path on disk have in common: the groups of a regular expression, or all but what its words
    name (`name_rules.WORDS`); null: the path itself.
    `content` is one whose group in the label id names what is shown; null: not known.
    """

    name: str = Field(pattern=rf"^{_NAME.pattern}$")
    title: str
    role: Literal["train", "in-domain", "out-of-distribution", "understanding"]
    homepage: str | None
    licence: str = Field(max_length=40, description="its name")
    terms: str | None = Field(default=None, description="of use, in words")
    citation: str
    expected: int | None = Field(gt=0)
    access: Access
    files: tuple[RemoteFile, ...] = ()
    files_of: str | None = None
    never_keep: tuple[str, ...] = Field(
        default=(), description="patterns of names that are never unpacked or kept"
    )
    download_bytes: int | None = Field(
        default=None, gt=0, description="of all files, roughly; null: the sum of those known"
    )
    stored_bytes: int | None = Field(
        default=None, gt=0, description="of the unpacked videos, roughly; null: not known"
    )
    labels: tuple[LabelFile, ...]
    match: MatchRule | None = None
    content: Pattern | None = None
    notes: tuple[str, ...] = ()
    table_note: str | None = Field(
        default=None, description="what has to stand beside its scores, such as counts that differ"
    )

    @property
    def made(self) -> bool:
        """Whether it is made on the spot from params.yaml."""
        return self.access.kind == "made"

    @property
    def label(self) -> LabelFile:
        """The label file that lists the set. Raises CardError where none is read yet."""
        if not self.labels:
            raise CardError(f"card {self.name}: has no label file that can be read yet")
        return self.labels[0]

    @property
    def split(self) -> Literal["train", "test"]:
        """Whether policies are trained on this set or tested on it."""
        return "train" if self.role == "train" else "test"

    @property
    def domain(self) -> Literal["in-domain", "out-of-distribution", "understanding"]:
        """Where the set stands to the training set, which is in its own domain."""
        return "in-domain" if self.role == "train" else self.role

    @property
    def label_files(self) -> tuple[str, ...]:
        """Every label file below the source folder, those with the names among them."""
        return tuple(name for label in self.labels for name in (label.file, label.names) if name)

    def must_not_keep(self, path: str) -> bool:
        """Whether a file of that path, or a folder that it lies in, must not stay on the disk."""
        parts = PurePosixPath(path).parts
        return any(fnmatchcase(part, wanted) for part in parts for wanted in self.never_keep)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for label in self.labels[1:]:
            if label.agrees is None:
                raise ValueError(f"labels: {label.file} is not the first, so it needs `agrees`")
        return self


def card_names(folder: Path | None = None) -> list[str]:
    """Name all sets that have a card, built in or in `folder`, in alphabetical order."""
    places = [_CARDS, *([folder] if folder and folder.is_dir() else [])]
    files = (entry.name for place in places for entry in place.iterdir())
    return sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))


def load_card(name: str, folder: Path | None = None) -> Card:
    """Read the card of the set `name`, a built-in one or else one of `folder`.

    Raises:
        CardError: there is no such card or there are two, or it is not as `Card` describes.
    """
    known = card_names(folder)
    if name not in known:
        hint = "params.yaml may name those, or write its card with `vqathinker data new`"
        raise CardError(f"no data set {name!r} among {', '.join(known)}: {hint}")
    if known.count(name) > 1:
        raise CardError(f"{folder}/{name}.yaml: {name!r} is a built-in card; take another name")
    built_in = _CARDS / f"{name}.yaml"
    file = built_in if built_in.is_file() or folder is None else folder / f"{name}.yaml"
    content = read_yaml(Path(str(file)), "a card", "compare it with docs/datasets.md")
    content = with_stand_ins(name, content, folder)
    try:
        card = Card.model_validate(content)
    except ValidationError as error:
        lines = [f"{file}: {line}" for line in describe_faults(error, content, StrictModel)]
        raise CardError("\n".join(lines)) from None
    if card.name != name:
        raise CardError(f"{file}: its name is {card.name!r}, expected {name!r}, that of the file")
    return card
