"""Which pictures a checkpoint learnt from, as far as they are still here."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.tables import Checkpoint, Dataset, Job


class NoPictures(LookupError):
    """The pictures are not here; the message says why."""


@dataclass(frozen=True)
class TrainingPictures:
    """The dataset of a checkpoint's training: its name and id, and where it is packed."""

    dataset: str
    id: str
    key: str


def training_pictures(session: Session, checkpoint_id: str) -> TrainingPictures:
    """What the checkpoint's own training learnt from; raises NoPictures.

    A dataset of the same name that is younger than the training is another one.
    """
    job = session.scalar(
        select(Job).join(Checkpoint, Checkpoint.job == Job.id).where(Checkpoint.id == checkpoint_id)
    )
    if job is None or job.dataset is None:
        raise NoPictures("it is not known what this checkpoint was trained on")
    dataset = session.scalar(select(Dataset).where(Dataset.name == job.dataset))
    if dataset is None or dataset.key is None or dataset.created_at > job.created_at:
        raise NoPictures(f"dataset {job.dataset!r}, which it was trained on, has been deleted")
    return TrainingPictures(dataset.name, dataset.id, dataset.key)
