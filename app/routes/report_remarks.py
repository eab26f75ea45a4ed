"""What an ingest report says of files that were left out, and of the upload as a whole.

Each sentence comes with its kind and the figures in it, for pages in other languages.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from app.domain.findings import LevelRange


class LeftOut(BaseModel):
    """A file that was left out. `thumbnail` is the number of its picture at
    `/v1/datasets/{name}/rejected/{thumbnail}.png`. Only the first 100 files of which something
    could be decoded have one."""

    file: str
    reason: str
    thumbnail: int | None = None


class Rejection(LeftOut):
    """A file that was left out. `kind` is null in reports of older versions."""

    kind: (
        Literal[
            "damaged",
            "encrypted",
            "label_file",
            "link",
            "nested_archive",
            "nested_array",
            "no_class",
            "no_known_white",
            "no_picture",
            "not_an_image",
            "special_file",
            "truncated",
            "unread_format",
            "unsafe_path",
            "unsupported_archive",
            "unsupported_compression",
            "unusable_array",
            "other",
        ]
        | None
    ) = None


class TooSmall(LeftOut):
    kind: Literal["too_small"]
    width: int
    height: int
    least_width: int
    least_height: int


class TooManyPixels(LeftOut):
    kind: Literal["too_many_pixels"]
    width: int
    height: int
    max_pixels: int


class TooLarge(LeftOut):
    kind: Literal["too_large"]
    bytes: int
    max_bytes: int


def _without_unknown_kind(
    stored: dict[str, Any], read: ValidatorFunctionWrapHandler
) -> TooSmall | TooManyPixels | TooLarge | Rejection:
    """The stored rejection, without its kind if this version does not know it with its figures."""
    try:
        rejection: TooSmall | TooManyPixels | TooLarge | Rejection = read(stored)
    except ValidationError:
        known = LeftOut.model_validate(stored)
        return Rejection(**known.model_dump())
    return rejection


AnyRejection = Annotated[
    TooSmall | TooManyPixels | TooLarge | Rejection, WrapValidator(_without_unknown_kind)
]


class Treated(BaseModel):
    """`count` pictures were changed in this way; `file` is the first of them."""

    kind: Literal["treated"]
    says: str
    treatment: Literal[
        "profile",
        "profile_ignored",
        "colours_ignored",
        "cmyk",
        "depth",
        "metadata",
        "enlarged",
        "first_image",
    ]
    count: int
    file: str


class UnclassifiedRemark(BaseModel):
    """Pictures without a class where others have one of `classes`."""

    kind: Literal["unclassified"]
    says: str
    count: int
    files: list[str]
    left_out: bool
    classes: int


class StretchedLevels(BaseModel):
    kind: Literal["stretched_levels"]
    says: str
    range: LevelRange


class TooManyClasses(BaseModel):
    kind: Literal["too_many_classes"]
    says: str
    classes: int
    max_classes: int


class RespeltClasses(BaseModel):
    """Classes whose names came in several equivalent spellings; `names` are the first."""

    kind: Literal["respelt_classes"]
    says: str
    classes: int
    names: list[str]


class ContradictingDuplicates(BaseModel):
    kind: Literal["contradicting_duplicates"]
    says: str
    count: int


class UndecodedNames(BaseModel):
    """Names in an archive that are not UTF-8; `read_as` is the code page that was tried."""

    kind: Literal["undecoded_names"]
    says: str
    archive: str
    count: int
    examples: list[str]
    read_as: str | None


class PlainRemark(BaseModel):
    kind: Literal["single_class", "more_notes", "other"]
    says: str


Remark = Annotated[
    Treated
    | UnclassifiedRemark
    | StretchedLevels
    | TooManyClasses
    | RespeltClasses
    | ContradictingDuplicates
    | UndecodedNames
    | PlainRemark,
    Field(discriminator="kind"),
]
