"""Owners: every call that queues a job records the name of its key, and lists filter by it."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from api import Api, open_api
from bundle_files import bundle
from PIL import Image
from queued_jobs import queue_job
from running_api import fill

from app.domain import datasets
from app.domain.settings import Settings
from app.domain.store import ObjectStore

NAMED, UNNAMED = {"Authorization": "Bearer one"}, {"Authorization": "Bearer plain"}
Request = dict[str, Any]


def picture(size: int = 28) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((size, size), 60).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Iterator[Api]:
    """An API with two models, a dataset and four jobs of the service itself."""
    folder = tmp_path_factory.mktemp("owners")
    keys = "ada=one,bob=two,plain"
    settings = Settings(home=folder / "home", redis_url=valkey_url, api_keys=keys)
    with open_api(settings) as api:
        fill(api.database, ObjectStore(settings), folder)
        yield api


def listed(api: Api, **filters: str) -> list[dict[str, Any]]:
    page = api.client.get("/v1/jobs", params=filters | {"limit": "500"}, headers=NAMED)
    items: list[dict[str, Any]] = page.json()["items"]
    return items


FILES: Request = {"files": [("files", (f"{index}.png", picture())) for index in range(3)]}
CALLS: list[tuple[str, Request, list[str]]] = [
    ("/v1/jobs", {"json": {"dataset": "noise", "model": "new", "preset": "mlp"}}, ["train"]),
    (
        "/v1/jobs",
        {"json": {"kind": "evaluate", "dataset": "noise", "model": "plain"}},
        ["evaluate"],
    ),
    ("/v1/jobs", {"json": {"kind": "synthesize", "model": "plain", "images": 10}}, ["synthesize"]),
    ("/v1/datasets", {"data": {"name": "sent"}} | FILES, ["ingest"]),
    ("/v1/models", {"data": {"name": "sent"}, "files": {"file": ("a.zip", bundle())}}, ["import"]),
    ("/v1/models/plain/find-directions", {}, ["directions"]),
    ("/v1/models/plain/search", {"json": {"color": "#ffffff"}}, ["index"]),
    (
        "/v1/models/plain/projections",
        {"files": {"picture": ("a.png", picture())}},
        ["project", "encoder"],
    ),
]


@pytest.mark.parametrize(("path", "request_", "kinds"), CALLS, ids=[call[2][0] for call in CALLS])
def test_a_job_belongs_to_the_name_of_the_key_that_requested_it(
    api: Api, path: str, request_: Request, kinds: list[str]
) -> None:
    before = {job["id"] for job in listed(api)}
    answer = api.client.post(path, headers=NAMED, **request_)
    assert answer.status_code in (202, 503), answer.text  # 503: the search waits for its index
    made = [job for job in listed(api) if job["id"] not in before]
    assert [(job["kind"], job["owner"]) for job in made] == [(kind, "ada") for kind in kinds]


def test_jobs_of_unnamed_keys_and_of_the_service_have_no_owner(api: Api) -> None:
    own = queue_job(api.database, model="plain")
    body = {"dataset": "noise", "model": "new", "preset": "mlp"}
    asked = api.client.post("/v1/jobs", json=body, headers=UNNAMED).json()
    jobs = {job["id"]: job["owner"] for job in listed(api)}
    assert (jobs[own], jobs[asked["id"]], asked["owner"]) == (None, None, None)


def test_a_repeated_request_and_a_resume_leave_the_job_to_its_first_owner(api: Api) -> None:
    body = {"dataset": "noise", "model": "new", "preset": "mlp"}
    once = {"Idempotency-Key": "one job"}
    other = {"Authorization": "Bearer two"}
    job = api.client.post("/v1/jobs", json=body, headers=NAMED | once).json()
    assert api.client.post("/v1/jobs", json=body, headers=other | once).json()["owner"] == "ada"
    path = f"/v1/jobs/{job['id']}"
    for action in ("pause", "resume"):
        assert api.client.post(f"{path}/{action}", headers=other).json()["owner"] == "ada"
    again = api.client.post("/v1/jobs", json=body, headers=other).json()
    assert again["owner"] == "bob"


def test_a_list_has_the_jobs_of_one_owner(api: Api) -> None:
    queue_job(api.database, model="plain")
    asked = api.client.post(
        "/v1/jobs",
        json={"dataset": "noise", "model": "new", "preset": "mlp"},
        headers={"Authorization": "Bearer two"},
    ).json()
    owned = listed(api, owner="bob")
    assert asked["id"] in [job["id"] for job in owned]
    assert {job["owner"] for job in owned} == {"bob"}
    assert listed(api, owner="nobody") == []
    refused = api.client.get("/v1/jobs?owner=A b", headers=NAMED)
    assert (refused.status_code, refused.json()["field"]) == (422, "owner")


def test_the_dataset_of_a_synthesis_is_packed_for_its_owner(api: Api) -> None:
    body = {"kind": "synthesize", "model": "plain", "images": 10, "into": "made"}
    job = api.client.post("/v1/jobs", json=body, headers=NAMED).json()
    with api.database.write() as session:  # as a worker does
        ingest = datasets.pack_reserved(session, job["id"]).job
    assert api.client.get(f"/v1/jobs/{ingest}", headers=NAMED).json()["owner"] == "ada"
