"""The playground over HTTP: a page with a model inside, isolated from the service."""

import base64
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update
from studio_pages import served_from
from weight_files import TINY, register_tiny

from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Direction, Model, NamedLatent
from app.serving.playground import PIECE_BYTES, write_playground
from benchmarks.harness.random_models import onnx_bytes
from models.directions.vectors import unit
from models.samples import pack_vector
from models.seeds import latent_from_seed

URL = "/v1/models/cats/playground.html"
POLICY = "default-src 'none'; script-src 'sha256-abc=' 'wasm-unsafe-eval'"
TEMPLATE = (
    f'<!doctype html><meta http-equiv="Content-Security-Policy" content="{POLICY}" />'
    '<script id="content">%moggy-content%</script>'
    '<script id="generator">%moggy-generator%</script><script>run()</script>'
)


@pytest.fixture
def checkpoint(database: Database, settings: Settings) -> GeneratorCheckpoint:
    return register_tiny(database, ObjectStore(settings))


@pytest.fixture(autouse=True)
def template(tmp_path: Path) -> Iterator[None]:
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "playground.html").write_text(TEMPLATE)
    with served_from(folder):
        yield


def part(page: str, name: str) -> str:
    found = re.search(rf'<script id="{name}">([^<]*)</script>', page)
    assert found is not None
    return found[1]


def content(client: TestClient) -> Any:
    answer = client.get(URL)
    assert answer.status_code == 200, answer.text
    return json.loads(part(answer.text, "content"))


def save(database: Database, **columns: Any) -> None:
    with database.write() as session:
        session.add(NamedLatent(model="cats", tags=[], source={}, **columns))


def test_the_page_holds_the_onnx_file_and_describes_the_model(
    client: TestClient, checkpoint: GeneratorCheckpoint
) -> None:
    answer = client.get(URL)
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-disposition"] == 'inline; filename="cats-playground.html"'
    packed = base64.b64decode(part(answer.text, "generator"), validate=True)
    assert gzip.decompress(packed) == onnx_bytes(TINY, 1)
    assert answer.text.endswith("<script>run()</script>")
    assert "content-encoding" not in answer.headers  # what is large in it is compressed already
    facts = content(client)
    assert (facts["model"], facts["checkpoint"]) == ("cats", checkpoint.id)
    assert (facts["shape"], facts["latent_dim"], facts["classes"]) == ([28, 28, 1], 8, [])
    assert facts["left_out"] == {"latents": 0, "directions": 0}
    assert "whoever trained them decides" in facts["licence"]


def test_the_page_is_isolated_from_the_service_that_serves_it(
    client: TestClient, checkpoint: GeneratorCheckpoint
) -> None:
    policy = client.get(URL).headers["content-security-policy"]
    isolation = "sandbox allow-scripts allow-downloads; frame-ancestors 'self'"
    assert policy == f"{isolation}; {POLICY}"


def test_latents_and_directions_travel_as_they_are_saved(
    client: TestClient, checkpoint: GeneratorCheckpoint, database: Database
) -> None:
    vector, direction = latent_from_seed(5, 8), unit(latent_from_seed(6, 8))
    save(database, name="white", seed=7, note="</script><script>alert(1)</script>")
    save(database, name="tabby", latent=pack_vector(vector))
    save(database, name="long", latent=pack_vector(latent_from_seed(5, 9)))
    save(database, name="classed", seed=1, class_name="kitten")
    with database.write() as session:
        row = {"model": "cats", "method": "taught", "details": {"effect": 1.0}}
        session.add(Direction(name="pale", vector=pack_vector(direction), **row))
        session.add(Direction(name="other", vector=pack_vector(latent_from_seed(6, 9)), **row))
    facts = content(client)
    tabby, white = facts["latents"]
    assert (white["name"], white["seed"], white["vector"]) == ("white", 7, None)
    assert white["note"] == "</script><script>alert(1)</script>"
    assert np.array_equal(np.frombuffer(base64.b64decode(tabby["vector"]), "<f4"), vector)
    (pale,) = facts["directions"]
    assert np.array_equal(np.frombuffer(base64.b64decode(pale["vector"]), "<f4"), direction)
    assert facts["left_out"] == {"latents": 2, "directions": 1}


def test_a_saved_vector_of_a_conditional_model_needs_its_class(
    client: TestClient, checkpoint: GeneratorCheckpoint, database: Database
) -> None:
    config = TINY.to_json() | {"conditional": True, "classes": ["one", "two"]}
    with database.write() as session:
        session.execute(update(Checkpoint).values(config=config))
    vector = pack_vector(latent_from_seed(5, 8))
    save(database, name="drawn", seed=7)
    save(database, name="classed", latent=vector, class_name="two")
    save(database, name="classless", latent=vector)
    facts = content(client)
    assert facts["classes"] == ["one", "two"]
    named = {entry["name"]: entry["class"] for entry in facts["latents"]}
    assert named == {"classed": "two", "drawn": None}
    assert facts["left_out"]["latents"] == 1


def test_the_page_is_sent_again_only_when_something_in_it_changed(
    client: TestClient, checkpoint: GeneratorCheckpoint, database: Database
) -> None:
    first, second = client.get(URL), client.get(URL)
    assert first.content == second.content
    assert first.headers["cache-control"] == "no-cache"
    known = {"If-None-Match": first.headers["etag"]}
    again = client.get(URL, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    head = client.head(URL)
    assert (head.headers["etag"], head.content) == (first.headers["etag"], b"")
    save(database, name="white", seed=7)
    assert client.get(URL, headers=known).status_code == 200


def test_a_checkpoint_can_be_named_and_others_are_refused(
    client: TestClient, checkpoint: GeneratorCheckpoint, database: Database
) -> None:
    assert client.get(f"{URL}?checkpoint={checkpoint.id}").status_code == 200
    assert client.get(f"{URL}?checkpoint=abc").status_code == 404
    assert client.get("/v1/models/dogs/playground.html").status_code == 404
    assert client.get(f"{URL}?scale=2").status_code == 422
    with database.write() as session:
        session.add(Model(name="new"))
    answer = client.get("/v1/models/new/playground.html")
    assert (answer.status_code, "no checkpoint yet" in answer.json()["detail"]) == (404, True)


def test_a_file_that_is_gone_and_a_page_that_is_not_built_are_named(
    client: TestClient, checkpoint: GeneratorCheckpoint, settings: Settings, tmp_path: Path
) -> None:
    with served_from(tmp_path / "absent"):
        answer = client.get(URL)
        assert (answer.status_code, "make studio" in answer.json()["detail"]) == (503, True)
    ObjectStore(settings).delete(checkpoint.onnx_key)
    answer = client.get(URL)
    assert (answer.status_code, answer.json()["detail"]) == (404, "the checkpoint is being deleted")


def test_the_page_is_sent_in_small_pieces_that_share_the_template() -> None:
    template = b"<%moggy-content%|%moggy-generator%>" + bytes(3 * PIECE_BYTES)
    pieces = list(write_playground(template, b"{}", iter([b"onnx" * 10, b"file"])))
    assert max(len(piece) for piece in pieces) <= PIECE_BYTES
    assert all(piece.obj is template for piece in pieces[-3:] if isinstance(piece, memoryview))
    page = b"".join(pieces)
    packed = page.split(b"|")[1].split(b">")[0]
    assert page.startswith(b"<{}|")
    assert gzip.decompress(base64.b64decode(packed)) == b"onnx" * 10 + b"file"
    assert page.endswith(b">" + bytes(3 * PIECE_BYTES))
