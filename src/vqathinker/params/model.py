"""What every section of params.yaml is made of: strict models and the types of single values."""

from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from vqathinker.choices import Device, Kernels, Precision

__all__ = [
    "Count",
    "Device",
    "Kernels",
    "Model",
    "Name",
    "Named",
    "NotNegative",
    "Positive",
    "Precision",
    "Section",
    "Share",
    "Whole",
]

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
T = TypeVar("T")
# Rows by name; without the extra, the schema would let a key of another form through.
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
