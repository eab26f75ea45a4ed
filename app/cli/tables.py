"""Lists as aligned columns of text, and figures as people read them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.cli.console import printable

JOB_COLUMNS = ("JOB", "KIND", "STATUS", "MODEL", "DATASET", "IMAGES", "CREATED")
MODEL_COLUMNS = ("MODEL", "CHECKPOINTS", "SERVED", "IMAGES", "CREATED", "SERVED BECAUSE")
SCORE_COLUMNS = ("SCORE", "VALUE", "95 %", "YOUR DATA", "NOISE")
CHECKPOINT_COLUMNS = (
    *("CHECKPOINT", "IMAGES", "KID", "FRECHET", "DATASET", "JOB", "SIZE", "CREATED", ""),
)
DATASET_COLUMNS = ("DATASET", "STATUS", "IMAGES", "SHAPE", "CLASSES", "CREATED")
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


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, two spaces apart."""
    lines = [columns, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def job_row(job: dict[str, Any]) -> list[str]:
    status = job["status"]
    if job.get("room_needed") is not None:
        status = f"{status}, no disk space"
    elif job["position"] is not None:
        status = f"{status} ({job['position']})"
    elif job["stop_requested"]:
        status = f"{status}, to {job['stop_requested']}"
    seen, total = job["progress"]["images_seen"], job["progress"]["images_total"]
    images = f"{seen:,}/{total:,}" if total else f"{seen:,}"
    names = [job["model"] or "-", job["dataset"] or "-"]
    return [job["id"], job["kind"], status, *names, images, moment(job["created_at"])]


def model_row(model: dict[str, Any]) -> list[str]:
    seen = model["images_seen"]
    return [
        model["name"],
        str(model["checkpoints"]),
        model["checkpoint"] or "-",
        "-" if seen is None else f"{seen:,}",
        moment(model["created_at"]),
        model["served_because"] or "-",
    ]


def checkpoint_row(checkpoint: dict[str, Any], datasets: dict[str, str | None]) -> list[str]:
    """`datasets` are those of the jobs that made the checkpoints."""
    metrics, job = checkpoint["metrics"] or {}, checkpoint["job"]
    return [
        checkpoint["id"],
        f"{checkpoint['images_seen']:,}",
        figure(metrics.get("kid")),
        figure(metrics.get("frechet")),
        datasets.get(job) or "-",
        job or "-",
        size(checkpoint["bytes"]),
        moment(checkpoint["created_at"]),
        "served" if checkpoint["served"] else "",
    ]


def score_rows(result: dict[str, Any]) -> list[list[str]]:
    """Each score beside what real pictures would have, and noise."""
    rows = []
    for name in SCORES:
        low, high = result.get(f"{name}_interval") or (None, None)
        between = "-" if low is None else f"{figure(low)} to {figure(high)}"
        real = result["floor"].get(name, result["real"].get(name))
        noise = result["ceiling"].get(name)
        cells = (result[name], between, real, noise)
        rows.append([name, *(cell if isinstance(cell, str) else figure(cell) for cell in cells)])
    return rows


def inception_line(found: dict[str, Any]) -> str:
    """The literature's distances, or why there are none."""
    if "absent" in found:
        return f"no Inception scores: {found['absent']}"
    return (
        f"Inception: FID {figure(found['fid'])}, KID {figure(found['kid'])} "
        f"± {figure(found['kid_deviation'])}"
    )


def figure(value: float | None) -> str:
    """Three digits that count."""
    return "-" if value is None else f"{value:#.3g}"


def dataset_row(dataset: dict[str, Any]) -> list[str]:
    images, shape, classes = dataset["images"], dataset["shape"], dataset["classes"]
    return [
        dataset["name"],
        dataset["status"],
        "-" if images is None else f"{images:,}",
        "×".join(str(side) for side in shape) if shape else "-",
        str(len(classes)) if classes else "-",
        moment(dataset["created_at"]),
    ]


def moment(text: str) -> str:
    """A time of the service, by this machine's clock."""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """`1 file`, `1,200 files`."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def size(count: float) -> str:
    """Bytes in the unit that keeps them short."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
