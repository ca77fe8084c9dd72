"""Base classes and value types of the models of params.yaml."""

from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
T = TypeVar("T")
# Without the extra, the JSON schema would accept a key that is not a Name.
ByName = Annotated[dict[Name, T], Field(json_schema_extra={"additionalProperties": False})]
NonNegativeInt = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Model(BaseModel):
    """A mapping of parameters. An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Section(Model):
    """A mapping under the key `KEY` of the resolved parameters."""

    KEY: ClassVar[str]

    def __init_subclass__(cls, key: str | None = None, **kwargs: Any) -> None:
        """Set `KEY` to `key`; without it, keep the one of the parent class."""
        super().__init_subclass__(**kwargs)
        if key is not None:
            cls.KEY = key
