"""The dataset that a checkpoint learnt from, as long as it is there."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.tables import Checkpoint, Dataset, Job


class NoPictures(LookupError):
    """The training pictures are not available; the message and its kind say why."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class TrainingPictures:
    """The dataset that a checkpoint learnt from: its name, its id, and where it is packed."""

    dataset: str
    id: str
    key: str


def training_pictures(session: Session, checkpoint_id: str) -> TrainingPictures:
    """Return the dataset that the checkpoint's training learnt from, or raise NoPictures.

    A dataset of the same name that is younger than the training is a different one.
    """
    job = session.scalar(
        select(Job).join(Checkpoint, Checkpoint.job == Job.id).where(Checkpoint.id == checkpoint_id)
    )
    if job is None or job.dataset is None:
        raise NoPictures("it is not known what this checkpoint was trained on", "training_unknown")
    dataset = session.scalar(select(Dataset).where(Dataset.name == job.dataset))
    if dataset is None or dataset.key is None or dataset.created_at > job.created_at:
        raise NoPictures(
            f"dataset {job.dataset!r}, which it was trained on, has been deleted", "dataset_deleted"
        )
    return TrainingPictures(dataset.name, dataset.id, dataset.key)
