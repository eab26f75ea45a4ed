"""The export of a checkpoint that an older version stored without an ONNX file."""

from sqlalchemy.orm import Session

from app.domain import registry
from app.domain.checkpoint_files import ensure_job
from app.domain.database import Database
from app.domain.job_states import JobKind
from app.domain.leases import Claim, lock_job
from app.domain.settings import Settings
from app.domain.tables import Checkpoint, Job


def ensure_exported(database: Database, settings: Settings, checkpoint_id: str) -> Job | None:
    """Return the unfinished job that exports the checkpoint, as `ensure_job` does.

    Returns None if the checkpoint has its ONNX file already.
    """
    return ensure_job(database, settings, checkpoint_id, JobKind.EXPORT, _is_exported)


def _is_exported(checkpoint: Checkpoint) -> bool:
    return checkpoint.onnx_sha256 is not None


def add_onnx_file(session: Session, claim: Claim, sha256: str, size: int) -> None:
    """Add the stored ONNX file to the job's checkpoint, as the holder of the export."""
    checkpoint = registry.lock_row(session, lock_job(session, claim).checkpoint or "")
    checkpoint.onnx_sha256, checkpoint.onnx_bytes = sha256, size
