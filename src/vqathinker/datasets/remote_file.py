"""Schema of a card's `files`: the origin of each file, and whether and where to unpack it.

Nothing is downloaded here. A size or hash that was never published is null, and so is an address
that could not be confirmed; the notes of the card mention it.
"""

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Address = Annotated[str, Field(pattern=r"^https?://\S+$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Variable = Annotated[
    str, Field(pattern=r"^[A-Z][A-Z0-9_]*$", description="name of an environment variable")
]
FileName = Annotated[str, Field(pattern=r"^[^/\\]+$")]
Bytes = Annotated[int, Field(gt=0)]

_ARCHIVES = (".tar.gz", ".tar.xz", ".tar.bz2", ".tgz", ".tar", ".zip")


def _require_below_source(folder: str) -> str:
    path = PurePosixPath(folder)
    if path.is_absolute() or ".." in path.parts or "\\" in folder:
        raise ValueError(f"{folder!r} is outside the source folder; expected e.g. videos/batch1")
    return folder


Folder = Annotated[str, AfterValidator(_require_below_source)]


class StrictModel(BaseModel):
    """A mapping in a card; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HubSource(StrictModel):
    """A file in a data set repository on the Hugging Face hub, which gives its size and hash."""

    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name")
    revision: str | None = Field(pattern=r"^[0-9a-f]{40}$")  # commit; null: latest of branch main


class ManualSource(StrictModel):
    """A file that you have to request and then save in the set's folder `downloads`."""

    page: Address  # where to request the file
    drop: str  # name to save it under, or a pattern such as *.zip


class FilePart(StrictModel):
    """One part of an archive; parts are concatenated in the order of the card."""

    name: FileName
    urls: tuple[Address, ...] = Field(min_length=1)
    bytes: Bytes | None = None
    sha256: Sha256 | None = None


class UnpackLimits(StrictModel):
    """Upper limits for what an archive may contain; exceeding one is an error."""

    files: Annotated[int, Field(gt=0)]
    bytes: Bytes


class RemoteFile(StrictModel):
    """One file to fetch, from exactly one of urls, hub, drive_id, parts and manual.

    A `per_video` entry describes one file per label: `{video}` in its name and addresses is
    replaced by the label id.
    """

    name: FileName  # for a manual file, its name in messages
    urls: tuple[Address, ...] = ()  # tried in this order
    hub: HubSource | None = None
    drive_id: str | None = Field(default=None, pattern=r"^[\w-]+$")  # of Google Drive
    parts: tuple[FilePart, ...] = ()
    manual: ManualSource | None = None

    bytes: Bytes | None = None  # exact size
    about_bytes: Bytes | None = None  # approximate size
    sha256: Sha256 | None = None

    unpack: Literal["none", "zip", "tar", "auto"] = "none"  # auto: by the first bytes of the file
    into: Folder | None = None  # target folder below the source folder; null: see `folder`
    limits: UnpackLimits | None = None
    password_env: Variable | None = None  # for an encrypted archive

    per_video: bool = False
    may_vanish: bool = False  # if no origin has the file, its video counts as missing

    def folder(self, manual_name: str | None = None) -> str:
        """Target folder, relative to the source folder.

        `manual_name` is the actual name of a manual file. Each archive gets a separate folder,
        because two archives may contain the same file names.
        """
        if self.into is not None:
            return self.into
        if self.unpack == "none":
            return "."
        name = manual_name or self.name
        suffix = next((suffix for suffix in _ARCHIVES if name.endswith(suffix)), None)
        return f"videos/{name.removesuffix(suffix)}" if suffix else "videos"

    @property
    def size_estimate(self) -> int | None:
        """Exact or approximate size in bytes, or None."""
        if self.parts and all(part.bytes for part in self.parts):
            return sum(part.bytes or 0 for part in self.parts)
        return self.bytes or self.about_bytes

    def for_video(self, video: str) -> "RemoteFile":
        """The file of one label id; only for a `per_video` entry."""
        named = {"name": self.name.replace("{video}", video), "per_video": False}
        urls = tuple(url.replace("{video}", quote(video)) for url in self.urls)
        return self.model_copy(update={**named, "urls": urls})

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        ways = ("urls", "hub", "drive_id", "parts", "manual")
        given = [name for name in ways if getattr(self, name)]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"{self.name}: origin is {found}, expected one of {', '.join(ways)}")
        if (self.unpack == "none") != (self.limits is None):
            raise ValueError(f"{self.name}: `limits` and `unpack` must be given together")
        if self.parts and (self.unpack == "none" or self.bytes or self.sha256):
            raise ValueError(f"{self.name}: `parts` need `unpack`; give bytes and sha256 per part")
        if self.per_video != ("{video}" in self.name):
            raise ValueError(
                f"{self.name}: `per_video` needs {{video}} in the name, and vice versa"
            )
        return self
