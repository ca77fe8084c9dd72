"""Where the files of a set come from, and what happens to each after its download.

These are facts that a card states; nothing is downloaded here. A size or hash that nobody published
is null, and so is an address that could not be confirmed; the card's notes say so.
"""

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Address = Annotated[str, Field(pattern=r"^https?://\S+$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$", description="of the environment")]
FileName = Annotated[str, Field(pattern=r"^[^/\\]+$")]
Bytes = Annotated[int, Field(gt=0)]

_ARCHIVES = (".tar.gz", ".tar.xz", ".tar.bz2", ".tgz", ".tar", ".zip")


def _require_below_source(folder: str) -> str:
    path = PurePosixPath(folder)
    if path.is_absolute() or ".." in path.parts or "\\" in folder:
        raise ValueError(f"{folder!r} leaves the source folder; expected one such as videos/batch1")
    return folder


Folder = Annotated[str, AfterValidator(_require_below_source)]


class StrictModel(BaseModel):
    """A mapping in a card; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HubSource(StrictModel):
    """A file of a data set repository on the Hugging Face hub, which knows sizes and hashes."""

    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name")
    revision: str | None = Field(
        pattern=r"^[0-9a-f]{40}$", description="commit; null: unknown, use the branch main"
    )


class ManualSource(StrictModel):
    """A file that you have to request, and then put into the set's folder `downloads`."""

    page: Address = Field(description="where to ask")
    drop: str = Field(description="its name in `downloads`, or a pattern such as *.zip")


class FilePart(StrictModel):
    """One of the parts of an archive, which are joined in the order of the card."""

    name: FileName
    urls: tuple[Address, ...] = Field(min_length=1)
    bytes: Bytes | None = None
    sha256: Sha256 | None = None


class UnpackLimits(StrictModel):
    """The most that an archive may unpack to; more is an error."""

    files: Annotated[int, Field(gt=0)]
    bytes: Bytes


class RemoteFile(StrictModel):
    """One file to fetch, from exactly one of urls, hub, drive_id, parts and manual.

    A `per_video` file stands for one file per label: `{video}` in its name and addresses is the id.
    """

    name: FileName = Field(description="file name; if manual, what messages call it")
    urls: tuple[Address, ...] = Field(default=(), description="tried in this order")
    hub: HubSource | None = None
    drive_id: str | None = Field(default=None, pattern=r"^[\w-]+$", description="of Google Drive")
    parts: tuple[FilePart, ...] = ()
    manual: ManualSource | None = None

    bytes: Bytes | None = Field(default=None, description="exactly; null: unknown")
    about_bytes: Bytes | None = Field(default=None, description="as the owner's page rounds it")
    sha256: Sha256 | None = Field(default=None, description="null: nobody published it")

    unpack: Literal["none", "zip", "tar", "auto"] = Field(
        default="none", description="auto: by its first bytes"
    )
    into: Folder | None = Field(
        default=None, description="folder below the set's source folder; null: see folder()"
    )
    limits: UnpackLimits | None = Field(default=None, description="of unpacking")
    password_env: Variable | None = Field(default=None, description="of an encrypted archive")

    per_video: bool = False
    may_vanish: bool = Field(
        default=False, description="may be gone at its origin; its video is then missing"
    )

    def folder(self, dropped_as: str | None = None) -> str:
        """Its folder below the source folder; `dropped_as` is the name of a manual file.

        Each archive is unpacked into a folder of its own, since two archives may hold equal names.
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
        """Its exact or rough size, or None."""
        if self.parts and all(part.bytes for part in self.parts):
            return sum(part.bytes or 0 for part in self.parts)
        return self.bytes or self.about_bytes

    def for_video(self, video: str) -> "RemoteFile":
        """The file of one label id, of a `per_video` file."""
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
            raise ValueError(f"{self.name}: `limits` and `unpack` need each other")
        if self.parts and (self.unpack == "none" or self.bytes or self.sha256):
            raise ValueError(f"{self.name}: parts need `unpack`, and their own bytes and sha256")
        if self.per_video != ("{video}" in self.name):
            raise ValueError(f"{self.name}: {{video}} in its name and `per_video` need each other")
        return self
