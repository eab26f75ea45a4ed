"""Images that are asked for with numbers, latents and strings that cannot be."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.domain.database import Database
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from benchmarks.random_models import register, store_checkpoint
from models.config import MAX_SEED


@pytest.fixture(autouse=True)
def model(database: Database, settings: Settings) -> None:
    """The model "cats": random weights, 64×64 RGB, 100 values to a latent."""
    register(database, store_checkpoint(ObjectStore(settings)))


def ask(client: TestClient, **body: Any) -> Any:
    # Written by hand, since a client's JSON library refuses the NaN that a test must send.
    return client.post(
        "/v1/models/cats/images",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )


@pytest.mark.parametrize(
    ("file", "field", "detail"),
    [
        ("7.png?scale=2&scale=2", "scale", "'scale' is given more than once"),
        ("7.png?scale=nan", "scale", "not a whole number"),
        (f"7.png?scale={'9' * 5000}", "scale", "is too large"),
        (f"{'9' * 5000}.png", "seed", "is too large"),
        ("7.png?class=%00", "class", "so it has no class '\\x00'"),
        (f"7.png?checkpoint={'c' * 65}", "checkpoint", "the maximum length is 64"),
        ("7.png?%00=1", "\x00", "'\\x00' is not known here"),
    ],
)
def test_an_odd_url_is_refused_with_the_field_and_the_limit(
    client: TestClient, file: str, field: str, detail: str
) -> None:
    answer = client.get(f"/v1/models/cats/images/{file}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert detail in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({"count": float("nan")}, "count", "not a whole number"),
        ({"count": float("inf")}, "count", "not a whole number"),
        ({"count": 1.5}, "count", "not a whole number"),
        ({"count": True}, "count", "not a whole number"),
        ({"count": 1, "seed": 10**400}, "seed", f"the maximum is {MAX_SEED}"),
        ({"seeds": [10**400]}, "seeds.0", f"the maximum is {MAX_SEED}"),
        ({"latents": [[0.0] * 1025]}, "latents.0", "the maximum number of items is 1024"),
        ({"latents": [[0.0] * 100, [0.0]]}, "latents.1", "1 values; this model's latents have 100"),
        ({"latents": [[10**400] * 100]}, "latents.0.0", "is too large"),
        ({"latents": [[]]}, "latents.0", "the minimum number of items is 1"),
    ],
)
def test_an_odd_number_is_refused_with_the_field_and_the_limit(
    client: TestClient, body: dict[str, Any], field: str, detail: str
) -> None:
    answer = ask(client, **body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert detail in answer.json()["detail"]


def test_a_whole_number_may_be_written_with_a_point(client: TestClient) -> None:
    pointed = ask(client, seeds=[7.0], scale=2.0, format="png")
    assert pointed.content == ask(client, seeds=[7], scale=2, format="png").content
