"""Where the files of a set come from and what is to be done with each on arrival.

Facts only, as a card states them: nothing is downloaded here. An address that nobody could confirm,
a size or a hash that nobody published is null, and the card's notes say so.
"""

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "FilePart",
    "HubSource",
    "ManualSource",
    "RemoteFile",
    "StrictModel",
    "UnpackLimits",
    "Variable",
]

Address = Annotated[str, Field(pattern=r"^https?://\S+$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$", description="of the environment")]


def _stays_below_source(folder: str) -> str:
    path = PurePosixPath(folder)
    if path.is_absolute() or ".." in path.parts or "\\" in folder:
        raise ValueError(f"{folder!r} leaves the source folder; expected one such as videos/batch1")
    return folder


Folder = Annotated[str, AfterValidator(_stays_below_source)]
FileName = Annotated[str, Field(pattern=r"^[^/\\]+$")]
Bytes = Annotated[int, Field(gt=0)]

_ARCHIVES = (".tar.gz", ".tar.xz", ".tar.bz2", ".tgz", ".tar", ".zip")


class StrictModel(BaseModel):
    """A mapping of a card; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HubSource(StrictModel):
    """A file of a data set repository on the Hugging Face hub, which knows sizes and hashes."""

    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name")
    revision: str | None = Field(
        pattern=r"^[0-9a-f]{40}$", description="commit; null: not known, take the branch main"
    )
    path: str | None = Field(default=None, description="in the repository; null: the file's name")


class ManualSource(StrictModel):
    """A file that only a person can get, who then drops it into the set's folder `downloads`."""

    page: Address = Field(description="whom to ask")
    drop: str = Field(description="name to drop it under, or a pattern such as *.zip")


class FilePart(StrictModel):
    """One of the pieces that are joined, in the order of the card, into the file."""

    name: FileName
    urls: tuple[Address, ...] = Field(min_length=1)
    bytes: Bytes | None = None
    sha256: Sha256 | None = None


class UnpackLimits(StrictModel):
    """The most that an archive may unpack to; more is an error, since it is not what was meant."""

    files: Annotated[int, Field(gt=0)]
    bytes: Bytes


class RemoteFile(StrictModel):
    """One file to get. It comes from exactly one of urls, hub, drive_id, parts and manual.

    A `per_video` file stands for many: `{video}` in its name and addresses is each label id.
    """

    name: FileName = Field(description="what it is kept as; where it is manual, what to call it")
    urls: tuple[Address, ...] = Field(default=(), description="to be tried in this order")
    hub: HubSource | None = None
    drive_id: str | None = Field(default=None, pattern=r"^[\w-]+$", description="of Google Drive")
    parts: tuple[FilePart, ...] = ()
    manual: ManualSource | None = None

    bytes: Bytes | None = Field(default=None, description="exactly; null: not known")
    about_bytes: Bytes | None = Field(default=None, description="as the owner's page rounds it")
    sha256: Sha256 | None = Field(default=None, description="null: nobody published it")

    unpack: Literal["none", "zip", "tar", "auto"] = Field(
        default="none", description="auto: its first bytes tell whether and how"
    )
    into: Folder | None = Field(
        default=None, description="folder below the set's source folder; null: see folder()"
    )
    limits: UnpackLimits | None = Field(default=None, description="of unpacking")
    password_env: Variable | None = Field(default=None, description="of an encrypted archive")

    per_video: bool = False
    may_vanish: bool = Field(
        default=False, description="gone at its origin is no error; the manifest says missing"
    )

    def folder(self, dropped_as: str | None = None) -> str:
        """Where it goes below the source folder: an archive into one of its own below videos/.

        Equal names in two archives are kept apart that way, whatever folders they hold. What a
        person drops has a name of its own, `dropped_as`.
        """
        if self.into is not None:
            return self.into
        if self.unpack == "none":
            return "."
        name = dropped_as or self.name
        suffix = next((suffix for suffix in _ARCHIVES if name.endswith(suffix)), None)
        return f"videos/{name.removesuffix(suffix)}" if suffix else "videos"

    @property
    def known_bytes(self) -> int | None:
        """Its size as far as it is known, exactly or roughly."""
        if self.parts and all(part.bytes for part in self.parts):
            return sum(part.bytes or 0 for part in self.parts)
        return self.bytes or self.about_bytes

    def for_video(self, video: str) -> "RemoteFile":
        """The file of one label id, where this one is `per_video`."""
        named = {"name": self.name.replace("{video}", video), "per_video": False}
        urls = tuple(url.replace("{video}", quote(video)) for url in self.urls)
        return self.model_copy(update={**named, "urls": urls})

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        ways = ("urls", "hub", "drive_id", "parts", "manual")
        given = [name for name in ways if getattr(self, name)]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"{self.name}: comes from {found}, expected one of {', '.join(ways)}")
        if (self.unpack == "none") != (self.limits is None):
            raise ValueError(f"{self.name}: limits are needed to unpack, and only then")
        if self.parts and (self.unpack == "none" or self.bytes or self.sha256):
            raise ValueError(
                f"{self.name}: parts are joined by unpacking, and know their own sizes"
            )
        if self.per_video != ("{video}" in self.name):
            raise ValueError(f"{self.name}: per_video needs a name with {{video}}, and only then")
        return self
