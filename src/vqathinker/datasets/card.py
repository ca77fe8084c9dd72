"""Data set cards: what a set is, who may use it, where its files come from, how labels are read.

There is one YAML file per set in `cards/`. Facts about the paper's sets come from their owners'
pages and label files. The card of your own data set lies in a folder of the project (`data.cards`
in params.yaml).
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from vqathinker.datasets.remote_file import RemoteFile, StrictModel, Variable
from vqathinker.errors import InputError, read_json
from vqathinker.params.errors import describe_errors
from vqathinker.phases.cards import CARDS, STAND_INS
from vqathinker.phases.yaml12 import read_yaml

# Words of `match`: what may differ between a label and the path of its video.
MATCH_WORDS = ("any-case", "any-ending", "any-folder")
_STATED = {"bytes", "about_bytes", "sha256"}  # what a rehearsal replaces in a card's files


class CardError(InputError):
    """There is no such card, or its content is not valid."""


class LabelError(InputError):
    """A label file does not match its card; the message names file, line and value."""


def _require_group(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    if not groups:
        raise ValueError(f"{pattern!r} has no group (...), expected one around what is compared")
    return pattern


def _require_match_rule(match: str) -> str:
    if {*match.split()} <= {*MATCH_WORDS}:
        return match
    try:
        return _require_group(match)
    except ValueError as error:
        raise ValueError(f"{error}; or use the words {', '.join(MATCH_WORDS)}") from None


Pattern = Annotated[str, AfterValidator(_require_group)]
MatchRule = Annotated[str, AfterValidator(_require_match_rule)]


class Access(StrictModel):
    """How to get the files: `made` on the spot, `open`, with a `token`, `manual`, or `local`.

    The environment variable `token_env` holds a token for the hub, or the password of an archive
    that anybody may download. You request `manual` files on `page`, and have `local` ones already.
    """

    kind: Literal["made", "open", "token", "manual", "local"]
    say: str = Field(description="what is where, and what to ask for")
    page: str | None = Field(default=None, pattern=r"^https://\S+$", description="where to ask")
    token_env: Variable | None = None

    @model_validator(mode="after")
    def _require_page(self) -> Self:
        if self.kind in {"token", "manual"} and not self.page:
            raise ValueError(f"{self.kind} access needs `page`, where to ask")
        if (self.kind == "token") != (self.token_env is not None):
            raise ValueError("token_env belongs to access of kind token, and only there")
        return self


class Columns(StrictModel):
    """Columns of id and MOS: names (csv; of rows in wide files), JSON keys, or positions from 0."""

    video: str | int = "video"
    mos: str | int = "mos"


class Rename(StrictModel):
    r"""How a name in the file becomes the label id: `pattern` matches all of it, see `re.sub`."""

    pattern: Pattern
    becomes: str


class Agreement(StrictModel):
    """How the MOS of another label file compare: |first - times * other| <= within."""

    times: float = Field(default=1.0, gt=0)
    within: float = Field(ge=0)


class LabelFile(StrictModel):
    """How a label file is read, see `vqathinker.datasets.readers`."""

    file: str = Field(description="path below the set's source folder")
    reader: Literal["annotations", "csv", "comma", "wide", "maxwell", "finevd", "q_bench_video"]
    columns: Columns = Columns()
    names: str | None = Field(default=None, description="file next to it that holds the names")
    rename: Rename | None = None
    scale: tuple[float, float] | None = Field(
        description="lowest and highest possible MOS; null: a file of questions"
    )
    direction: Literal["higher", "lower"] = Field(default="higher", description="which is better")
    training_scale_divisor: float | None = Field(
        default=None, gt=0, description="MOS / divisor is what training sees; null: MOS itself"
    )
    agrees: Agreement | None = Field(
        default=None, description="with the first label file; for the others"
    )

    @model_validator(mode="after")
    def _require_rising_scale(self) -> Self:
        if self.scale is not None and not self.scale[0] < self.scale[1]:
            raise ValueError(f"scale is {list(self.scale)}, expected the lowest MOS first")
        return self


class Card(StrictModel):
    """Facts about one data set.

    Each row of the first of `labels` becomes a row of the manifest. `expected` is their number
    (null: params.yaml gives it). The other label files are compared with the first. The videos lie
    in the source folder of `files_of`, if that is set. `match` tells what a label id and the path
    of its video have in common: the groups of a regular expression, or everything but what its
    `MATCH_WORDS` name; null: the path. The group of `content` in a label id names the content that
    a video shows; null: unknown.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$")
    title: str
    role: Literal["train", "in-domain", "out-of-distribution", "understanding"]
    homepage: str | None
    licence: str = Field(max_length=40, description="its name")
    terms: str | None = Field(default=None, description="of use")
    citation: str
    expected: int | None = Field(gt=0)
    access: Access
    files: tuple[RemoteFile, ...] = ()
    files_of: str | None = None
    never_keep: tuple[str, ...] = Field(
        default=(), description="patterns of names that are never unpacked"
    )
    download_bytes: int | None = Field(
        default=None, gt=0, description="of all files, roughly; null: the sum of those known"
    )
    stored_bytes: int | None = Field(
        default=None, gt=0, description="of the unpacked videos, roughly; null: not known"
    )
    labels: tuple[LabelFile, ...] = Field(min_length=1)
    match: MatchRule | None = None
    content: Pattern | None = None
    notes: tuple[str, ...] = ()
    table_note: str | None = Field(
        default=None, description="note for tables, such as counts that differ"
    )

    @property
    def made(self) -> bool:
        """Whether the project makes the set from params.yaml."""
        return self.access.kind == "made"

    @property
    def label(self) -> LabelFile:
        """The label file that lists the set."""
        return self.labels[0]

    @property
    def split(self) -> Literal["train", "test"]:
        """Whether policies are trained on this set or tested on it."""
        return "train" if self.role == "train" else "test"

    @property
    def domain(self) -> Literal["in-domain", "out-of-distribution", "understanding"]:
        """Domain relative to the training set, which is in-domain itself."""
        return "in-domain" if self.role == "train" else self.role

    @property
    def label_files(self) -> tuple[str, ...]:
        """Every label file below the source folder, including files of names."""
        return tuple(name for label in self.labels for name in (label.file, label.names) if name)

    @property
    def videos_folder(self) -> str:
        """Folder of the videos, as a path from the source folder `data/<set>/source`."""
        return f"../../{self.files_of}/source/videos" if self.files_of else "videos"

    def must_not_keep(self, path: str) -> bool:
        """Whether `never_keep` matches the name of the file or of a folder in its path."""
        parts = PurePosixPath(path).parts
        return any(fnmatchcase(part, wanted) for part in parts for wanted in self.never_keep)

    @model_validator(mode="after")
    def _require_agreements(self) -> Self:
        for label in self.labels[1:]:
            if label.agrees is None:
                raise ValueError(f"labels: {label.file} is not the first, so it needs `agrees`")
        return self


def card_names(folder: Path | None = None) -> list[str]:
    """Names of all sets that have a card, built in or in `folder`, in alphabetical order."""
    places = [CARDS, *([folder] if folder and folder.is_dir() else [])]
    return sorted(path.stem for place in places for path in place.glob("*.yaml"))


def load_card(name: str, folder: Path | None = None) -> Card:
    """Read the card of the set `name`: a built-in one, or else one of `folder`.

    In a rehearsal (docs/paper-scale.md), `stand-ins.json` in `folder` replaces the number of rows,
    sizes and hashes of built-in cards.

    Raises:
        CardError: there is no such card or there are two, or it is not valid.
        InputError: the file is not YAML, or `stand-ins.json` is not JSON.
    """
    known = card_names(folder)
    if name not in known:
        hint = "correct the name in params.yaml, or write a card with `vqathinker data new`"
        raise CardError(f"no data set {name!r} among {', '.join(known)}: {hint}")
    if known.count(name) > 1:
        raise CardError(f"{folder}/{name}.yaml: {name!r} is a built-in card; take another name")
    built_in = CARDS / f"{name}.yaml"
    file = built_in if built_in.is_file() or folder is None else folder / f"{name}.yaml"
    content = read_yaml(file, "a card", "compare it with docs/datasets.md")
    if folder is not None and (folder / STAND_INS).is_file():
        remedy = "remove it to use the real sets"
        stand_ins = read_json(folder / STAND_INS, "the stand-ins of a rehearsal", remedy)
        if name in stand_ins:
            content = _with_stand_ins(content, stand_ins[name])
    try:
        card = Card.model_validate(content)
    except ValidationError as error:
        lines = [f"{file}: {line}" for line in describe_errors(error, content, StrictModel)]
        raise CardError("\n".join(lines)) from None
    if card.name != name:
        raise CardError(f"{file}: its name is {card.name!r}, expected {name!r}, that of the file")
    return card


def label_origin(name: str, cards: Path | None = None) -> Literal["computed", "judged", "unknown"]:
    """Where the labels of a set come from: computed by this project, or judged by people.

    It is unknown for your own sets, and for all sets if the folder `cards` has stand-ins.
    """
    if name not in card_names():
        return "unknown"
    if load_card(name).made:
        return "computed"
    rehearsed = cards is not None and (cards / STAND_INS).is_file()
    return "unknown" if rehearsed else "judged"


def _with_stand_ins(content: dict[str, Any], stand_in: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a card with the rows of its stand-in, and sizes and hashes of its files."""
    known = stand_in["files"]

    def replaced(file: Mapping[str, Any]) -> dict[str, Any]:
        plain = {key: value for key, value in file.items() if key not in _STATED}
        if file.get("parts"):
            plain["parts"] = [replaced(part) for part in file["parts"]]
        return plain | known.get(file["name"], {})

    sizes = {"expected": stand_in["expected"], "download_bytes": None, "stored_bytes": None}
    return {**content, **sizes, "files": [replaced(file) for file in content.get("files") or ()]}
