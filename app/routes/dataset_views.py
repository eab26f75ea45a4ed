"""The response models of datasets: state, ingest report and the doctor's findings."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from app.domain.findings import (
    BalanceAdvice,
    ClassSize,
    FindingAdvice,
    FindingKind,
    LevelRange,
    VarietyAdvice,
)
from app.domain.job_errors import JobError, read_job_error
from app.domain.packing import PackingRequest
from app.domain.tables import Dataset
from app.routes.fields import to_datetime
from app.routes.report_remarks import AnyRejection, Remark


class Reference(BaseModel):
    """A picture: its index in the dataset, null where it was left out, and its file."""

    index: int | None
    file: str


class Example(Reference):
    """`value` is the measured value; `like` is the picture that this one nearly duplicates."""

    value: float
    like: Reference | None


class Finding(BaseModel):
    """One kind of fault, what it means and what to do. A picture has the fault where its value is
    beyond `limit`, which is null where there are too few pictures to set one. `share` is the share
    of the examined pictures.

    `advice` is the kind of `suggests`; null where it is null, and in reports of older versions.
    `ranges` are the values of the pictures of the kind `levels`."""

    kind: FindingKind
    count: int
    share: float
    limit: float | None
    says: str
    suggests: str | None
    examples: list[Example]
    advice: FindingAdvice | None = None
    ranges: list[LevelRange] | None = None


class ClassBalance(BaseModel):
    """`counts` is in the order of `classes`. `effective` is the effective number of classes: that
    many classes of equal size would be as balanced. `advice` is the kind of `suggests`, which names
    the classes in `thin`, and `more_thin` others."""

    counts: list[int]
    effective: float
    says: str
    suggests: str | None
    smallest: ClassSize | None = None
    largest: ClassSize | None = None
    advice: BalanceAdvice | None = None
    thin: list[str] = []
    more_thin: int = 0


class EffectiveImages(BaseModel):
    """`value` is the effective number of pictures (Vendi score) in a random `sample` of them."""

    value: float
    sample: int
    share: float
    says: str
    suggests: str | None
    advice: VarietyAdvice | None = None


class Doctor(BaseModel):
    """The examination of the accepted pictures, by features of the network `embedding`."""

    embedding: str
    findings: list[Finding]
    class_balance: ClassBalance | None
    effective_images: EffectiveImages


class Unclassified(BaseModel):
    """Pictures without a class in a dataset where others have one, and their first ten files.

    `left_out` tells whether they were left out of the dataset; otherwise it has no classes.
    """

    count: int
    files: list[str]
    left_out: bool


class LabelFile(BaseModel):
    """A label file that was used, or all sidecar files of one extension in one archive.
    `without_picture_count` of its `rows` name no picture; `without_picture` lists the first."""

    file: str
    files: int
    rows: int
    pictures: int
    without_picture_count: int
    without_picture: list[str]


class LabelSource(BaseModel):
    """`source` tells where the classes come from: label files, or the recipes inside generated
    images; null where the label files gave no picture a class. `without_class` lists the first
    pictures without a row; `contradicted` counts the pictures with rows of different classes."""

    source: Literal["files", "recipes"] | None
    says: str
    with_class: int | None = None
    files: list[LabelFile]
    contradicted: int
    without_class_count: int
    without_class: list[str]


class Report(BaseModel):
    """received = accepted + duplicates + rejected_count; `rejected` lists the first rejected files.

    Dropped near-duplicates count as duplicates. Label files that were used do not count as
    received. `notes` are sentences about the upload as a whole, such as names that could not be
    decoded, and about changes to pictures, such as conversions from colour profiles. `remarks` has
    the kind of each note, in the same order, and the figures in it. `labels` is null where the
    classes come from folders, or from the pictures' own files. `doctor` is null for datasets packed
    by a version that did not examine pictures.
    """

    received: int
    accepted: int
    duplicates: int
    rejected_count: int
    rejected: list[AnyRejection]
    notes: list[str] = []
    remarks: list[Remark] = []
    unclassified: Unclassified | None = None
    labels: LabelSource | None = None
    doctor: Doctor | None = None


class DatasetView(BaseModel):
    """`shape` is [height, width, channels]. `job` is the id of the ingest, whose events report its
    progress.

    `size` is a side, or WIDTHxHEIGHT. `horizontal_flip` tells whether mirrored pictures may be
    trained on as well; null until that is known. `error_facts` has the kind of a frequent error,
    and the figures in it.
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
    error_facts: JobError | None
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
        error_facts=read_job_error(dataset.error_facts),
        created_at=to_datetime(dataset.created_at),
    )
