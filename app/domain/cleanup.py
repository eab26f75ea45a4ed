"""Deletes what killed processes leave behind: objects without a row, and interrupted uploads.

An object is written before the row that names it is committed, and deleted after the row. A process
that is killed in between leaves an object without a row. Objects that are younger than
SAFE_AGE_SECONDS or belong to an unfinished job are kept: several hosts can sweep the same store. An
upload in pieces is kept as a whole while pieces arrive, which may take days.
"""

import itertools
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.database import Database
from app.domain.job_states import ENDED
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, CheckpointFile, Dataset, Job, JobFile, onnx_key

log = structlog.get_logger()

SAFE_AGE_SECONDS = 24 * 3600.0
SWEPT_PREFIXES = ("uploads", "datasets", "jobs")  # each followed by the id of a dataset or job
KEYS_PER_QUERY = 500


def sweep_objects(
    database: Database, store: ObjectStore, older_than: float = SAFE_AGE_SECONDS
) -> list[str]:
    """Delete objects without a row that are older than `older_than` seconds; return their keys."""
    deleted = []
    for prefix in SWEPT_PREFIXES:
        old_keys = store.keys_older_than(prefix, older_than)
        # Keys are listed before the rows are read, so that rows committed meanwhile are found.
        while keys := list(itertools.islice(old_keys, KEYS_PER_QUERY)):
            with database.read() as session:
                orphans = _orphans(session, keys)
            if prefix == "uploads":
                orphans = _abandoned(store, orphans, older_than)
            for key in orphans:
                store.delete(key)
            deleted += orphans
    store.sweep_partial_files(older_than)
    if deleted:
        log.warning("orphans_deleted", count=len(deleted), first=deleted[0])
    return deleted


def sweep_incoming(home: Path, older_than: float = SAFE_AGE_SECONDS) -> None:
    """Delete the folders of uploads that received no data for `older_than` seconds."""
    for folder in home.glob("incoming/*"):
        try:
            files = [folder, *folder.iterdir()]
            newest = max(file.stat().st_mtime for file in files)
        except OSError:  # the upload has just ended
            continue
        if time.time() - newest > older_than:
            log.warning("upload_deleted", path=str(folder))
            shutil.rmtree(folder, ignore_errors=True)


def _abandoned(store: ObjectStore, keys: Sequence[str], older_than: float) -> list[str]:
    """The keys of uploads of which nothing is younger than `older_than` seconds."""
    uploads = {key: "/".join(key.split("/")[:2]) for key in keys}
    continued = set()
    for upload in set(uploads.values()):
        old = set(store.keys_older_than(upload, older_than))
        if not old.issuperset(store.keys(upload)):
            continued.add(upload)
    return [key for key in keys if uploads[key] not in continued]


def _orphans(session: Session, keys: Sequence[str]) -> list[str]:
    ids = {key.split("/")[1] for key in keys}
    query = select(Dataset.id, Dataset.key, Dataset.job).where(Dataset.id.in_(ids))
    datasets = {row.id: row for row in session.execute(query)}
    jobs = ids | {row.job for row in datasets.values()}
    job_rows = session.execute(select(Job.id, Job.status).where(Job.id.in_(jobs)))
    statuses = {row.id: row.status for row in job_rows}
    # Of an ONNX file, the checkpoint beside it has the row.
    checkpoints = {f"{key.removesuffix('.onnx')}.safetensors" for key in keys}
    named = session.scalars(select(Checkpoint.key).where(Checkpoint.key.in_({*keys, *checkpoints})))
    referenced = {file for key in named for file in (key, onnx_key(key))}
    for table in (JobFile, CheckpointFile):
        referenced |= set(session.scalars(select(table.key).where(table.key.in_(keys))))

    def is_orphan(key: str) -> bool:
        prefix, owner_id, *rest = key.split("/")
        if key in referenced:
            return False
        if prefix == "jobs":
            status = statuses.get(owner_id)
            return status is None or (status in ENDED and rest[0] != "samples")
        dataset = datasets.get(owner_id)
        if dataset is None:
            return True
        if dataset.key is not None and key.startswith(f"{dataset.key}/"):
            return False
        return dataset.job not in statuses or statuses[dataset.job] in ENDED

    return [key for key in keys if is_orphan(key)]
