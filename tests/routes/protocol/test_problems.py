"""Every mistake in a request is answered with a readable problem document."""

import json
import sys
from typing import Any

import pytest
from api import Api, add_cats
from fastapi.testclient import TestClient

from app.domain.errors import MoggyError
from app.domain.store import ObjectStore
from app.routes.openapi import KINDS
from app.routes.protocol.problems import HTTP_KINDS, MAX_ERRORS, MAX_TEXT
from benchmarks.harness.random_models import register, store_checkpoint

IMAGES, MORPHS = "/v1/models/pets/images", "/v1/models/pets/interpolations"
BODIES = (IMAGES, MORPHS, "/v1/jobs")
JSON = {"Content-Type": "application/json"}
TRAINING = {"dataset": "cats", "model": "cats"}
LONE_SURROGATE = "\ud800"  # JSON can hold it, UTF-8 cannot


@pytest.fixture(scope="module")
def client(shared_api: Api) -> TestClient:
    """One API for all tests, with the conditional model "pets" beside the dataset "cats"."""
    store = ObjectStore(shared_api.settings)
    config: dict[str, Any] = {"shape": (28, 28, 3), "architecture": "mlp", "latent_dim": 4}
    classes: dict[str, Any] = {"classes": ("dog", "white"), "conditional": True}
    register(shared_api.database, store_checkpoint(store, "pets", **config, **classes))
    add_cats(shared_api.database)
    return shared_api.client


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    ), answer.text[:1000]
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    return body


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"count": 1', "Expecting ',' delimiter, at character 11"),
        (b'{"count": 1} and more', "Extra data, at character 13"),
        (b"{'count': 1}", "at character 1"),
        (b'{"count": \xff}', "it is not UTF-8, at byte 10"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"a":' * 100_000, "it is nested too deeply"),
        (b'{"count": %s}' % (b"9" * 5000), f"more than {sys.get_int_max_str_digits()} digits"),
    ],
)
def test_a_malformed_body_is_refused_with_the_position(
    client: TestClient, path: str, body: bytes, reason: str
) -> None:
    assert reason in problem(client.post(path, content=body, headers=JSON), 400)["detail"]


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("body", ["null", "[]", '"count"', "1", "true", "NaN", ""])
def test_a_body_that_is_no_object_is_refused(client: TestClient, path: str, body: str) -> None:
    assert problem(client.post(path, content=body, headers=JSON), 422)["detail"]


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ";"]
)
def test_a_body_of_another_type_is_refused_with_the_right_one(
    client: TestClient, path: str, kind: str | None
) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    refused = problem(client.post(path, content=b'{"count": 1}', headers=headers), 415)
    assert (refused["field"], "application/json" in refused["detail"]) == ("Content-Type", True)
    assert (kind or "without a Content-Type") in refused["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/jobs", "GET, HEAD, POST"),
        ("POST", "/v1/models/pets", "GET, HEAD, PATCH, DELETE"),
        ("TRACE", "/v1/datasets/cats", "GET, HEAD, DELETE"),
        ("GET", "/v1/recipes/read", "POST"),
        ("OPTIONS", "/healthz", "GET, HEAD"),
        ("QUERY", f"{IMAGES}/7.png", "GET, HEAD"),
        ("DELETE", "/docs", "GET, HEAD"),
    ],
)
def test_a_method_that_is_not_allowed_is_refused_with_the_allowed_ones(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    assert problem(answer, 405)["detail"] == f"{method} is not allowed at {path}: use {allowed}"
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/v1", "/v2/models", "/v1/models/pets/images/7/8", "//", "/%00"])
def test_an_unknown_path_is_named(client: TestClient, path: str) -> None:
    answer = client.get(f"http://127.0.0.1:8000{path}")
    assert problem(answer, 404)["detail"].startswith("there is nothing at /")


@pytest.mark.parametrize(
    ("path", "body", "field", "limit"),
    [
        (IMAGES, {"count": 10**4000}, "count", "the limit for one request is 10000"),
        (IMAGES, {"count": 10**400}, "count", "the limit for one request is 10000"),
        (MORPHS, {"keyframes": [{"seed": 1}] * 2, "frames": 10**4000}, "frames", "of 600"),
        (
            "/v1/jobs",
            TRAINING | {"images": 10**4000},
            "images",
            "1 to 1000000000000",
        ),
        (
            "/v1/jobs",
            TRAINING | {"seed": -(10**400)},
            "seed",
            "0 to 9007199254740991",
        ),
        (
            "/v1/jobs",
            TRAINING | {"overrides": {"width": 10**4000}},
            "width",
            "8 to 256",
        ),
        (IMAGES, {"count": 1, "k" * 10**6: 1}, "k" * MAX_TEXT, "there is no such field"),
        (IMAGES, {"count": 1, "class": "c" * 10**6}, "class", "it has dog, white"),
        ("/v1/jobs", TRAINING | {"preset": "p" * 10**6}, "preset", "dcgan"),
    ],
)
def test_a_long_quotation_is_shortened_and_the_limit_is_kept(
    client: TestClient, path: str, body: dict[str, Any], field: str, limit: str
) -> None:
    answer = client.post(path, content=json.dumps(body), headers=JSON)
    refused = problem(answer, 422)
    assert limit in refused["detail"]
    assert refused["field"].startswith(field[:50])
    assert len(answer.content) < 4 * MAX_TEXT


@pytest.mark.parametrize(
    "path", ["/v1/models/{}", "/v1/datasets/{}", "/v1/jobs/{}", "/v1/{}", "/v1/jobs/x?{}=1"]
)
def test_a_url_of_kilobytes_is_not_sent_back(client: TestClient, path: str) -> None:
    answer = client.get(path.format("a" * 50_000))
    assert 400 <= answer.status_code < 500
    assert len(answer.content) < 4 * MAX_TEXT


@pytest.mark.parametrize("text", [LONE_SURROGATE, "\x00", "a\x00b", "", "\x7f", "é" * 70])
@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        (IMAGES, {"count": 1}, ("class", "checkpoint", "format", "resample")),
        (
            MORPHS,
            {"keyframes": [{"seed": 1}, {"seed": 2}], "frames": 2},
            ("class", "checkpoint", "format", "method", "easing", "resample"),
        ),
        (
            "/v1/jobs",
            TRAINING,
            ("dataset", "model", "preset", "resume_from", "kind", "stability"),
        ),
        ("/v1/jobs", {"dataset": "cats", "kind": "evaluate"}, ("checkpoint", "model")),
    ],
)
def test_an_odd_string_is_refused_by_the_name_of_its_field(
    client: TestClient, path: str, body: dict[str, Any], fields: tuple[str, ...], text: str
) -> None:
    for field in fields:
        if (field, text) == ("preset", ""):
            continue
        answer = client.post(path, content=json.dumps(body | {field: text}), headers=JSON)
        assert 400 <= answer.status_code < 500, (field, answer.text)
        assert problem(answer, answer.status_code)["field"] == field


@pytest.mark.parametrize("name", [LONE_SURROGATE, "\x00", "", "a" * 65, "é"])
def test_an_odd_name_of_a_field_is_refused(client: TestClient, name: str) -> None:
    for body in ({"overrides": {name: 1}}, {name: 1}):
        content = json.dumps(TRAINING | body)
        problem(client.post("/v1/jobs", content=content, headers=JSON), 422)


def test_only_the_first_of_many_mistakes_are_listed(client: TestClient) -> None:
    one_list = client.post(IMAGES, json={"seeds": ["a"] * 100_000})
    assert problem(one_list, 422)["field"] == "seeds.0"
    assert "errors" not in one_list.json()
    some = client.post(IMAGES, json={"count": 1} | {f"x{number}": 1 for number in range(50)})
    assert len(problem(some, 422)["errors"]) == MAX_ERRORS
    many = client.post(IMAGES, json={"count": 1} | {f"x{number}": 1 for number in range(100)})
    assert "there are 101 fields" in problem(many, 422)["detail"]
    nested = {"keyframes": [{"seed": 1}, {f"x{number}": 1 for number in range(101)}]}
    assert problem(client.post(MORPHS, json=nested), 422)["field"] == "keyframes.1"


@pytest.mark.parametrize("depth", [9, 50, 200, 300, 900, 3000, 30_000])
def test_mixes_within_mixes_are_refused_however_deep(client: TestClient, depth: int) -> None:
    part = '{"mix": [' * depth + '{"seed": 1, "weight": 1}' + '], "weight": 1}' * depth
    body = f'{{"keyframes": [{{"seed": 1}}, {{"mix": [{part}]}}], "frames": 2, "class": "dog"}}'
    answer = client.post(MORPHS, content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    assert "nested" in problem(answer, answer.status_code)["detail"]


def test_mixes_within_mixes_are_accepted_up_to_the_limit(client: TestClient) -> None:
    part = '{"mix": [' * 7 + '{"seed": 1, "weight": 1}' + '], "weight": 1}' * 7
    body = f'{{"keyframes": [{{"seed": 1}}, {{"mix": [{part}]}}], "frames": 2, "class": "dog"}}'
    assert client.post(MORPHS, content=body, headers=JSON).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Accept": "\xff"}, 406),
        ({"Accept": ";;;"}, 406),
        ({"Accept": "image/png;q=nan"}, 406),
        ({"Accept": "image/png;q=1e400"}, 406),
        ({"Accept": "," * 5000}, 406),
        ({"Accept": "image/" + "a" * 20_000}, 406),
        ({"Range": "bytes=5-1"}, 200),
        ({"Range": "bytes=-"}, 200),
        ({"Range": "apples=1-2"}, 200),
        ({"If-None-Match": '"'}, 200),
        ({"If-None-Match": "\xff, W/, ,"}, 200),
        ({"If-None-Match": '"a' * 20_000}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"X-Anything": "a" * 50_000}, 200),
    ],
)
def test_odd_headers_are_refused_or_ignored(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = client.get(f"{IMAGES}/7", headers=encoded)  # type: ignore[arg-type]
    assert answer.status_code == status
    if status >= 400:
        assert len(problem(answer, status)["detail"]) < MAX_TEXT


def test_every_error_has_a_kind_that_the_document_lists() -> None:
    def subclasses(error: type[MoggyError]) -> list[type[MoggyError]]:
        own = error.__subclasses__()
        return own + [below for one in own for below in subclasses(one)]

    errors: list[type[MoggyError]] = [MoggyError, *subclasses(MoggyError)]
    assert {error.kind for error in errors} - set(KINDS) == set()
    assert set(KINDS) - {error.kind for error in errors} - set(HTTP_KINDS.values()) == set()
