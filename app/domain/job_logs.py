"""The log of a job: the end of what each epoch's worker and child wrote about it, in the store.

One object for each epoch, which only the holder of that epoch writes.
"""

from contextlib import suppress

from app.domain.leases import Claim
from app.domain.store import ObjectStore

EPOCH_BYTES = 64 * 1024  # kept of what one epoch wrote: its end
EPOCHS_KEPT = 10  # of one job: the newest


def store_log(store: ObjectStore, claim: Claim, text: bytes) -> None:
    """Store the end of this epoch's log, and delete those of epochs long ago."""
    store.put_bytes(f"{_prefix(claim.job_id)}/{claim.epoch:09d}.txt", _end(text))
    for key in store.keys(_prefix(claim.job_id))[:-EPOCHS_KEPT]:
        store.delete(key)


def read_log(store: ObjectStore, job_id: str) -> str:
    """What was written about the job, oldest first; empty where no worker has begun it."""
    texts = []
    for key in store.keys(_prefix(job_id)):
        with suppress(FileNotFoundError):  # deleted meanwhile
            texts.append(store.get_bytes(key).decode(errors="replace"))
    return "".join(texts)


def _prefix(job_id: str) -> str:
    return f"logs/{job_id}"


def _end(text: bytes) -> bytes:
    """The last whole lines that fit."""
    if len(text) <= EPOCH_BYTES:
        return text
    end = text[-EPOCH_BYTES:]
    return b"[earlier lines left out]\n" + end[end.find(b"\n") + 1 :]
