"""The starter model: cats, imported when a service whose database is empty starts first."""

import shutil
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.domain import jobs
from app.domain.database import Database
from app.domain.errors import MoggyError
from app.domain.imports import queue_import, read_weights
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Job

log = structlog.get_logger()

MODEL = "cats"
BUNDLE = Path(__file__).with_name("starter.zip")
# The ONNX file of the bundle's weights, which are filled in: `models.graph_template`.
GRAPH = Path(__file__).with_name("starter_graph.json")
IDEMPOTENCY_KEY = "the starter model"  # several API processes may start at the same time


def queue_starter(database: Database, store: ObjectStore, settings: Settings) -> Job | None:
    """Queue the import of the starter model, if the setting `starter` names it.

    Returns None if the database has had a job before: a deleted starter model does not come back.
    What prevents the import, like a full disk, is logged, and the service starts without it.
    """
    if settings.starter == "none":
        return None
    if _has_jobs(database):
        return None
    folder = settings.home / "incoming" / jobs.new_id()
    try:
        folder.mkdir(parents=True)
        path = Path(shutil.copy(BUNDLE, folder))
        return queue_import(
            database,
            store,
            model=MODEL,
            file_name=BUNDLE.name,
            weights=read_weights(path, BUNDLE.name, settings),
            max_queued=None,
            idempotency_key=IDEMPOTENCY_KEY,
        )
    except IntegrityError:  # another API process has queued it
        return None
    except (MoggyError, OSError) as error:
        log.warning("starter_not_imported", error=str(error))
        return None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _has_jobs(database: Database) -> bool:
    with database.read() as session:
        return session.scalar(select(Job.number).limit(1)) is not None
