"""The trainer process, run as its supervisor runs it, without the service."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from models.config import TrainingConfig

STATE_SECONDS = 600
EVENTS_PER_LINE = 60  # the trainer sends one event a second


class Trainer:
    """`python -m models.train` in a folder of its own.

    `rose` maps each health signal that rose to the images seen when it first did.
    """

    def __init__(self, folder: Path, config: TrainingConfig, dataset: Path) -> None:
        self.rose: dict[str, int] = {}
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        run = {
            "config": config.to_json(),
            "dataset": str(dataset.resolve()),
            "state_every_seconds": STATE_SECONDS,
            "score_images": 0,  # no scoring: only the training is measured
        }
        (folder / "run.json").write_text(json.dumps(run, indent=1) + "\n")

    def run(self, seconds: float | None = None) -> Path:
        """Train to the end, or for `seconds`, printing progress; return the last checkpoint."""
        checkpoint: Path | None = None
        with subprocess.Popen(
            [sys.executable, "-m", "models.train", str(self._folder)],
            stdin=subprocess.PIPE,  # the trainer exits when this pipe is closed
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            clock = threading.Timer(seconds or 0, process.send_signal, (signal.SIGTERM,))
            if seconds is not None:
                clock.start()
            try:
                for count, line in enumerate(process.stdout):
                    event = json.loads(line)
                    if event["event"] == "checkpoint":
                        checkpoint = self._folder / event["path"]
                    elif event["event"] == "health":
                        self.rose.setdefault(event["signal"], event["images_seen"])
                    elif event["event"] == "failed":
                        raise SystemExit(f"the training failed: {event['error']}")
                    elif event["event"] == "progress" and count % EVENTS_PER_LINE == 0:
                        print(_progress(event), flush=True)
                process.wait()
            finally:
                clock.cancel()
        if process.returncode != 0:
            raise SystemExit(f"the trainer exited with status {process.returncode}")
        if checkpoint is None:
            raise SystemExit(
                "the training ended before its first checkpoint: give it longer, or "
                "--set checkpoint_every_images=N with a smaller N"
            )
        return checkpoint


def _progress(event: dict[str, Any]) -> str:
    rate = event["images_per_second"] or 0
    return f"  {event['images_seen']:,} of {event['images_total']:,} images, {rate:.0f} a second"
