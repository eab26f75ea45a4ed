"""Following jobs until they succeed, and printing their results."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from app.cli.client import ServiceClient, segment
from app.cli.console import counted, figure, table
from app.cli.errors import INTERRUPTED, CommandError, IndexMissing
from app.cli.follow import follow_job
from app.cli.progress import make_view

T = TypeVar("T")

SCORE_COLUMNS = ("SCORE", "VALUE", "95 %", "YOUR DATA", "NOISE")
SCORES = (
    "kid",
    "frechet",
    "precision",
    "recall",
    "density",
    "coverage",
    "copy_rate",
    "diversity",
    "swd",
)


def follow_to_success(client: ServiceClient, job_id: str, kind: str, from_now: bool = False) -> Any:
    """Return the job once it has succeeded; any other end is a CommandError."""
    try:
        with make_view() as view:
            ending = follow_job(client, job_id, kind, view, from_now=from_now)
    except KeyboardInterrupt as interrupt:
        raise CommandError(
            f"Stopped following: job {job_id} continues. `moggy follow {job_id}` shows its "
            f"progress again, `moggy cancel {job_id}` ends it.",
            INTERRUPTED,
        ) from interrupt
    if ending.status != "succeeded":
        status = "was cancelled" if ending.status == "cancelled" else ending.status
        raise CommandError(f"Job {job_id} {status}{f': {ending.error}' if ending.error else ''}")
    return client.get(f"jobs/{segment(job_id)}")


def once_indexed(client: ServiceClient, request: Callable[[], T]) -> T:
    """Make a request that may need the model's sample index: if there is none, wait for the job
    that builds it, and make the request again."""
    try:
        return request()
    except IndexMissing as missing:
        print("The model's images are indexed first, once.", file=sys.stderr)
        follow_to_success(client, missing.job, "index")
        return request()


def follow_training(client: ServiceClient, job_id: str, *, from_now: bool = False) -> None:
    """Show a training until it succeeds. Raises CommandError for any other end."""
    job = follow_to_success(client, job_id, "train", from_now)
    images_seen = job["progress"]["images_seen"]
    print(
        f"Job {job_id} succeeded: {job['model']} has seen {images_seen:,} images.", file=sys.stderr
    )


def follow_synthesis(client: ServiceClient, job_id: str, *, from_now: bool = False) -> None:
    """Show a synthesis until it succeeds. Raises CommandError for any other end."""
    job = follow_to_success(client, job_id, "synthesize", from_now)
    result = job["result"]
    print(
        f"Job {job_id} succeeded: {result['images']:,} images of {job['model']} in "
        f"{counted(result['shards'], job['config']['layout'] + ' shard')}.",
        file=sys.stderr,
    )


def follow_import(client: ServiceClient, job_id: str, *, from_now: bool = False) -> None:
    """Show an import until it succeeds. Raises CommandError for any other end."""
    job = follow_to_success(client, job_id, "import", from_now)
    result = job["result"]
    print(
        f"Job {job_id} succeeded: model {job['model']} serves checkpoint {result['checkpoint']}.",
        file=sys.stderr,
    )
    if not result["has_discriminator"]:
        print("  It has no discriminator: it cannot be trained further.", file=sys.stderr)


def follow_evaluation(client: ServiceClient, job_id: str, *, from_now: bool = False) -> None:
    """Show an evaluation until it succeeds, and print its scores."""
    job = follow_to_success(client, job_id, "evaluate", from_now)
    result = job["result"]
    print(
        f"{job['model']}, checkpoint {job['checkpoint']}: {result['images']:,} generated images "
        f"compared with {result['real_images']:,} images of {job['dataset']}"
    )
    print(table(SCORE_COLUMNS, score_rows(result)))
    print(inception_line(result["inception"]))


# By the kind of a job. The arguments are those of `follow_training`.
FOLLOWERS = {
    "train": follow_training,
    "evaluate": follow_evaluation,
    "synthesize": follow_synthesis,
    "import": follow_import,
}


def score_rows(result: dict[str, Any]) -> list[list[str]]:
    """Each score with its interval, and the scores of real images and of noise beside it."""
    rows = []
    for name in SCORES:
        low, high = result.get(f"{name}_interval") or (None, None)
        interval = "-" if low is None else f"{figure(low)} to {figure(high)}"
        real = result["floor"].get(name, result["real"].get(name))
        noise = result["ceiling"].get(name)
        rows.append([name, figure(result[name]), interval, figure(real), figure(noise)])
    return rows


def inception_line(inception: dict[str, Any]) -> str:
    """The distances that the literature reports, or the reason why there are none."""
    if "absent" in inception:
        return f"no Inception scores: {inception['absent']}"
    return (
        f"Inception: FID {figure(inception['fid'])}, KID {figure(inception['kid'])} "
        f"± {figure(inception['kid_deviation'])}"
    )
