"""Base classes and value types of the models of params.yaml."""

from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
T = TypeVar("T")
# Rows by name. Without the extra, the schema would accept a key of another form.
Named = Annotated[dict[Name, T], Field(json_schema_extra={"additionalProperties": False})]
Whole = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Model(BaseModel):
    """A mapping of parameters; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Section(Model):
    """A mapping that stands under `KEY` in the resolved parameters."""

    KEY: ClassVar[str]

    def __init_subclass__(cls, key: str | None = None, **kwargs: Any) -> None:
        """Set `KEY` to `key`; without it the one of the parent class stays."""
        super().__init_subclass__(**kwargs)
        if key is not None:
            cls.KEY = key
