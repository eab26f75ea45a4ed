"""A client generated from the OpenAPI document of a running service can do everything."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image
from running_service import Service, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("client") / "home") as service:
        service.wait_until_ready()
        yield service


@pytest.fixture
def client(service: Service, generated: str) -> Iterator[Any]:
    with import_module(generated).Client(base_url=service.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def generated(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of the generated package, importable."""
    folder = tmp_path_factory.mktemp("generated")
    run = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate"),
            *("--url", f"{service.url}/openapi.json", "--output-path", str(folder / "client")),
            *("--config", _without_formatting(folder)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "arning" not in run.stdout + run.stderr, run.stdout + run.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder / "client")
        yield "moggy_client"


def _without_formatting(folder: Path) -> Path:
    """Write a configuration for the generator that skips formatting."""
    file = folder / "config.json"
    file.write_text(json.dumps({"post_hooks": []}))
    return file


def call(generated: str, tag: str, operation: str, **arguments: Any) -> Any:
    """Call the operation; return its parsed response."""
    return import_module(f"{generated}.api.{tag}.{operation}").sync(**arguments)


def pictures() -> list[bytes]:
    rng = np.random.default_rng(0)
    files = [io.BytesIO() for _ in range(24)]
    for file in files:
        Image.fromarray(rng.integers(0, 255, (28, 28, 3), np.uint8)).save(file, "PNG")
    return [file.getvalue() for file in files]


def test_a_generated_client_uploads_trains_follows_and_generates(
    service: Service, generated: str, client: Any
) -> None:
    models, types = import_module(f"{generated}.models"), import_module(f"{generated}.types")
    files = [
        types.File(payload=io.BytesIO(data), file_name=f"{n}.png")
        for n, data in enumerate(pictures())
    ]
    body = models.CreateDatasetBody(name="noise", files=files, size="28")
    dataset = call(generated, "datasets", "create_dataset", client=client, body=body)
    assert dataset.status is models.DatasetViewStatus.INGESTING
    with httpx2.Client(base_url=service.url) as other:
        wait_until(other, "/v1/datasets/noise", lambda dataset: dataset["status"] != "ingesting")
    dataset = call(generated, "datasets", "get_dataset", client=client, name="noise")
    assert (dataset.status, dataset.images) == (models.DatasetViewStatus.READY, 24)

    preset = models.JobRequestPresetType0.MLP
    body = models.JobRequest(dataset="noise", model="noise", preset=preset, images=64)
    job = call(generated, "jobs", "create_job", client=client, body=body)
    assert (job.kind, job.status) == (models.JobKind.TRAIN, models.Status.QUEUED)
    events = list(follow(client, models, job.id))
    assert {"state", "progress", "sample", "checkpoint", "end"} <= {event.event for event in events}
    assert events[-1].data.status is models.EndDataStatus.SUCCEEDED
    (checkpoint,) = (event.data for event in events if event.event == "checkpoint")
    assert checkpoint.images_seen == 64
    job = call(generated, "jobs", "get_job", client=client, job_id=job.id)
    assert job.status is models.Status.SUCCEEDED

    kind = models.GetImageFormat.PNG
    picture = call(
        generated, "images", "get_image", client=client, name="noise", seed=7, format_=kind
    )
    with Image.open(picture.payload) as image:
        assert image.size == (28, 28)
    described = call(generated, "images", "describe_image", client=client, name="noise", seed=7)
    assert (described.checkpoint, described.seed) == (checkpoint.id, 7)
    body = models.InterpolationRequest(
        keyframes=[models.Latent(seed=7), models.Latent(seed=42)], frames=5
    )
    morph = call(
        generated, "images", "generate_interpolation", client=client, name="noise", body=body
    )
    with Image.open(morph.payload) as image:
        assert getattr(image, "n_frames", 1) == 5

    problem = call(generated, "models", "get_model", client=client, name="absent")
    assert isinstance(problem, models.Problem)
    assert (problem.status, "'absent'" in problem.detail) == (404, True)


def follow(client: Any, models: Any, job: str) -> Iterator[Any]:
    """Yield each event of the stream, parsed by its class in the generated client."""
    kinds = {
        "state": models.StateEvent,
        "progress": models.ProgressEvent,
        "sample": models.SampleEvent,
        "checkpoint": models.CheckpointEvent,
        "health": models.HealthEvent,
        "file": models.FileEvent,
        "end": models.EndEvent,
    }
    with client.get_httpx_client().stream("GET", f"/v1/jobs/{job}/events") as stream:
        event: dict[str, Any] = {}
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name:
                event[name] = json.loads(value) if name == "data" else value
            elif event:
                yield kinds[event["event"]].from_dict(event)
                event = {}
            else:
                event = {}
