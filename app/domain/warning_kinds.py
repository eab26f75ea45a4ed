"""The kinds of warnings before a training: the names and numbers in each, and its sentence."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.domain.findings import (
    BalanceAdvice,
    ClassSize,
    FindingAdvice,
    FindingKind,
    LevelRange,
    VarietyAdvice,
)
from app.domain.served_checkpoint import ServedReason


class FewPictures(BaseModel):
    kind: Literal["few_pictures"] = "few_pictures"
    pictures: int
    enough: int

    def sentence(self) -> str:
        return (
            f"{self.pictures:,} pictures are few: below {self.enough} a model memorises them. Add "
            "more, or fine-tune a model of similar pictures (resume_from)."
        )


class ReportWarning(BaseModel):
    """What the dataset's report says, and what it suggests."""

    says: str
    suggests: str

    def sentence(self) -> str:
        return f"{self.says} {self.suggests}"


class PictureFinding(ReportWarning):
    """A finding of the dataset's report. `advice` is null in reports of older versions."""

    kind: Literal["finding"] = "finding"
    finding: FindingKind
    count: int
    share: float
    advice: FindingAdvice | None
    ranges: list[LevelRange] | None


class LowVariety(ReportWarning):
    """The pictures are as varied as `value` pictures of a `sample` of them."""

    kind: Literal["low_variety"] = "low_variety"
    value: float
    sample: int
    advice: VarietyAdvice | None


class UnbalancedClasses(ReportWarning):
    """The class balance of the dataset's report, whose older versions name no classes."""

    kind: Literal["unbalanced_classes"] = "unbalanced_classes"
    classes: int
    effective: float
    smallest: ClassSize | None
    largest: ClassSize | None
    advice: BalanceAdvice | None
    thin: list[str]
    more_thin: int


class TooFewImages(BaseModel):
    kind: Literal["too_few_images"] = "too_few_images"
    images: int
    views: float
    least_images: int

    def sentence(self) -> str:
        return (
            f"{self.images:,} images show each picture {self.views:,.1f} times: too few to learn "
            f"much from. Give at least {self.least_images:,}."
        )


class TooManyViews(BaseModel):
    kind: Literal["too_many_views"] = "too_many_views"
    images: int
    views: float
    max_views: int

    def sentence(self) -> str:
        return (
            f"{self.images:,} images show each picture {self.views:,.0f} times: beyond about "
            f"{self.max_views:,} the discriminator memorises the pictures, and the generator stops "
            "improving. Give fewer images, or add pictures."
        )


class LargeBatch(BaseModel):
    kind: Literal["large_batch"] = "large_batch"
    batch_size: int
    better_batch_size: int

    def sentence(self) -> str:
        return (
            f"In a run this short, batches of {self.better_batch_size} learn more in the same time "
            f"than batches of {self.batch_size}: on 64×64 pictures their distance to the "
            "real ones was 0.48 to 0.77 of that of batches of 64 (docs/search.md). Leave "
            "batch_size out."
        )


class Mirroring(BaseModel):
    """Pictures will be mirrored; whether that harms is `known`, or was not examined."""

    kind: Literal["mirroring"] = "mirroring"
    dataset: str
    known: bool

    def sentence(self) -> str:
        why = (
            "their mirror images do not look like pictures of this dataset"
            if self.known
            else "it is unknown whether their mirror images look like pictures of this dataset"
        )
        return f"Pictures of {self.dataset!r} will be mirrored (horizontal_flip), but {why}."


class NotTimed(BaseModel):
    """No step ended in time on the machine of a training worker, or on the service's (null)."""

    kind: Literal["not_timed"] = "not_timed"
    machine: str
    worker: str | None
    device: str

    def sentence(self) -> str:
        return (
            f"No training step ended within the time limit of a dry run on {self.machine} "
            f"({self.device}), so the duration is unknown: choose a smaller width or batch."
        )


class Extrapolated(BaseModel):
    kind: Literal["extrapolated"] = "extrapolated"
    batch_size: int
    timed_batch_size: int

    def sentence(self) -> str:
        return (
            f"Steps with a batch of {self.batch_size} take longer than the time limit of a dry "
            f"run: time and memory are extrapolated from a batch of {self.timed_batch_size}."
        )


class BusyMachine(BaseModel):
    """Of the time, `waiting_share` was spent waiting for processors that other processes used."""

    kind: Literal["busy_machine"] = "busy_machine"
    waiting_share: float
    machine: str
    worker: str | None

    def sentence(self) -> str:
        return (
            f"Other work on {self.machine} kept the measured steps waiting for "
            f"{self.waiting_share:.0%} of their time: without it, the training is faster."
        )


class TooLittleMemory(BaseModel):
    kind: Literal["too_little_memory"] = "too_little_memory"
    needed_bytes: int
    free_bytes: int

    def sentence(self) -> str:
        return (
            f"The training needs about {_gigabytes(self.needed_bytes)} of memory, and "
            f"{_gigabytes(self.free_bytes)} are free: choose a smaller width or batch."
        )


class SlowTraining(BaseModel):
    """`worker` timed a step; null: the service's machine did."""

    kind: Literal["slow"] = "slow"
    seconds: float
    images_per_second: float
    machine: str
    worker: str | None
    device: str

    def sentence(self) -> str:
        return (
            f"The training takes about {_duration(self.seconds)} on {self.machine} "
            f"({self.device}, {self.images_per_second:,.0f} images a second)."
        )


class CheckpointsThinned(BaseModel):
    kind: Literal["checkpoints_thinned"] = "checkpoints_thinned"
    checkpoints: int
    kept: int

    def sentence(self) -> str:
        return (
            f"Of about {self.checkpoints:,} checkpoints {self.kept:,} will be kept: the "
            "best, the newest, and others spread over the run. The limits are "
            "MOGGY_CHECKPOINTS_KEPT and MOGGY_CHECKPOINT_BUDGET_MB."
        )


class ModelHasCheckpoints(BaseModel):
    """The model has `checkpoints` and serves `served`. `start` is the checkpoint that the training
    continues from. `next_served`: what is served afterwards."""

    kind: Literal["model_has_checkpoints"] = "model_has_checkpoints"
    model: str
    checkpoints: int
    served: str
    served_reason: ServedReason
    start: str | None
    dataset: str
    next_served: Literal["chosen_stays", "newest", "lower_kid", "other_pictures"]

    def sentence(self) -> str:
        existing = f"{self.checkpoints:,} checkpoint" + "s" * (self.checkpoints > 1)
        begins = (
            f"continues from checkpoint {self.start}"
            if self.start
            else "starts from noise, not from any of them: resume_from continues from one"
        )
        return (
            f"Model {self.model!r} has {existing} already and serves {self.served} "
            f"({self.served_reason.phrase()}). This training {begins}. {self._afterwards()}"
        )

    def _afterwards(self) -> str:
        if self.next_served == "chosen_stays":
            return "The served checkpoint was set by hand and stays."
        if self.next_served == "newest":
            return "The newest checkpoint is served until one has a score."
        if self.next_served == "lower_kid":
            return "A checkpoint of the new training is served once its KID is lower."
        return (
            f"The scores of the two cannot be compared, because {self.dataset!r} has other "
            "pictures: the new training is served from its first score on. To keep serving the "
            f"present checkpoint, set it with PATCH /v1/models/{self.model}."
        )


TrainingWarning = Annotated[
    FewPictures
    | PictureFinding
    | LowVariety
    | UnbalancedClasses
    | TooFewImages
    | TooManyViews
    | LargeBatch
    | Mirroring
    | NotTimed
    | Extrapolated
    | BusyMachine
    | TooLittleMemory
    | SlowTraining
    | CheckpointsThinned
    | ModelHasCheckpoints,
    Field(discriminator="kind"),
]


def sentences(warnings: list[TrainingWarning]) -> list[str]:
    return [warning.sentence() for warning in warnings]


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours // 24:,} days {hours % 24} h" if hours >= 48 else f"{hours} h {minutes:02} min"
