"""What the API tells of a dataset: its state, its report and the findings of its examination."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from app.domain.packing import PackingRequest
from app.domain.tables import Dataset
from app.routes.fields import to_datetime


class Rejection(BaseModel):
    file: str
    reason: str


class Reference(BaseModel):
    """A picture by its place in the dataset, null where it was left out, and its file."""

    index: int | None
    file: str


class Example(Reference):
    """`value` is what the picture was judged by; `like` is the picture that it repeats."""

    value: float
    like: Reference | None


class Finding(BaseModel):
    """One kind of fault, what it means and what to do. `limit` is the value beyond which a picture
    has it, null where there are too few pictures to tell; `share` is of the pictures examined."""

    kind: Literal["near_duplicates", "outliers", "letterboxed", "blurred", "blank", "levels"]
    count: int
    share: float
    limit: float | None
    says: str
    suggests: str | None
    examples: list[Example]


class ClassBalance(BaseModel):
    """`counts` is in the order of `classes`; `effective` is what they amount to."""

    counts: list[int]
    effective: float
    says: str
    suggests: str | None


class EffectiveImages(BaseModel):
    """How many pictures with nothing in common a random `sample` amounts to."""

    value: float
    sample: int
    share: float
    says: str
    suggests: str | None


class Doctor(BaseModel):
    """What was found when the accepted pictures were examined; `embedding` names by which eye."""

    embedding: str
    findings: list[Finding]
    class_balance: ClassBalance | None
    effective_images: EffectiveImages


class Unclassified(BaseModel):
    """Pictures without a class where others have one, and the first ten of their files.

    `left_out` says whether they are in the dataset; if they are, it has no classes.
    """

    count: int
    files: list[str]
    left_out: bool


class LabelFile(BaseModel):
    """A label file that was used, or all sidecars of one ending in one archive, and how many of its
    `rows` name no picture; `without_picture` lists the first of these."""

    file: str
    files: int
    rows: int
    pictures: int
    without_picture_count: int
    without_picture: list[str]


class LabelSource(BaseModel):
    """Where the classes come from: label files, or the recipes inside generated images; null where
    label files gave no picture a class. `without_class` lists the first pictures that label files
    left without one; `contradicted` counts those that rows give different classes."""

    source: Literal["files", "recipes"] | None
    says: str
    files: list[LabelFile]
    contradicted: int
    without_class_count: int
    without_class: list[str]


class Report(BaseModel):
    """received = accepted + duplicates + rejected_count; `rejected` lists the first of them.

    Near-duplicates that were dropped count as duplicates. Label files that were used are not
    received. `notes` are sentences about the upload beside its files, like names that could not be
    decoded, and about what was done to pictures, like conversions from colour profiles. `labels` is
    null where folders alone, or the pictures' own files, tell the classes. `doctor` is null where
    the dataset was
    packed before pictures were examined.
    """

    received: int
    accepted: int
    duplicates: int
    rejected_count: int
    rejected: list[Rejection]
    notes: list[str] = []
    unclassified: Unclassified | None = None
    labels: LabelSource | None = None
    doctor: Doctor | None = None


class DatasetView(BaseModel):
    """`shape` is [height, width, channels]; `job` is the ingest, whose events tell its progress.

    `size` is a side, or WIDTHxHEIGHT. `horizontal_flip`: a mirrored picture is as good as the
    picture; null until that is known.
    """

    name: str
    status: Literal["ingesting", "ready", "failed"]
    job: str
    size: int | str
    fit: Literal["crop", "pad", "stretch"]
    channels: Literal["auto", "rgb", "grey", "rgba"]
    horizontal_flip: bool | None
    images: int | None
    shape: list[int] | None
    classes: list[str] | None
    report: Report | None
    content_hash: str | None
    bytes: int | None
    error: str | None
    created_at: datetime


def dataset_view(dataset: Dataset) -> DatasetView:
    request = PackingRequest.from_json(dataset.request)
    width, height = request.sides
    return DatasetView(
        name=dataset.name,
        status=dataset.status,
        job=dataset.job,
        size=width if width == height else request.size,
        fit=request.fit,
        channels=request.channels,
        horizontal_flip=dataset.horizontal_flip,
        images=dataset.images,
        shape=dataset.shape,
        classes=dataset.classes,
        report=Report.model_validate(dataset.report) if dataset.report else None,
        content_hash=dataset.content_hash,
        bytes=dataset.bytes,
        error=dataset.error,
        created_at=to_datetime(dataset.created_at),
    )
