"""Named latents over HTTP: saved, used in requests and URLs, exported and imported."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.domain.database import Database, migrate
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Direction, Job
from app.main import create_app
from app.serving.latents import vector_of
from benchmarks.harness.random_models import register, store_checkpoint
from models.samples import pack_vector
from models.seeds import class_from_seed

DIM = 8
MODEL = "/v1/models/cats"
LATENTS = f"{MODEL}/latents"
CLASSES = ("tabby", "white cat")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("api") / "home", redis_url=valkey_url)


@pytest.fixture(scope="module")
def database(settings: Settings) -> Iterator[Database]:
    migrate(settings.database)
    database = Database(settings.database)
    yield database
    database.close()


@pytest.fixture(scope="module")
def checkpoint(settings: Settings, database: Database) -> GeneratorCheckpoint:
    """The checkpoint of "cats", with the directions `white` and `age`, and the projection `p1`; the
    model "pets" is conditional, and "empty" has longer latents."""
    store = ObjectStore(settings)
    small: dict[str, Any] = {"architecture": "mlp", "shape": (28, 40, 3)}
    cats = register(database, store_checkpoint(store, "cats", latent_dim=DIM, **small))
    conditional: dict[str, Any] = {"classes": CLASSES, "conditional": True, "latent_dim": DIM}
    register(database, store_checkpoint(store, "pets", **small, **conditional))
    register(database, store_checkpoint(store, "empty", latent_dim=16, **small))
    with database.write() as session:
        for name, axis in (("white", 0), ("age", 1)):
            vector = pack_vector(np.eye(DIM, dtype=np.float32)[axis])
            session.add(
                Direction(model="cats", name=name, method="taught", vector=vector, details={})
            )
        for job_id, status in (("p1", "succeeded"), ("p2", "running")):
            session.add(
                Job(
                    id=job_id,
                    kind="project",
                    queue="light",
                    status=status,
                    model="cats",
                    config={},
                    progress={},
                    result={"latent": [0.5] * DIM} if status == "succeeded" else None,
                )
            )
    return cats


@pytest.fixture(scope="module")
def client(settings: Settings, checkpoint: GeneratorCheckpoint) -> Iterator[TestClient]:
    """The API, with the latents `lucky` (a seed), `mixed` and `found` of the model "cats"."""
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        save(client, name="lucky", seed=7, tags=["good", "one"], note="the first")
        mix = [{"name": "lucky", "weight": 1}, {"seed": 8, "weight": -1}]
        save(client, name="mixed", mix=mix, edits={"age": 1}, tags=["good"])
        save(client, name="found", projection="p1")
        yield client


def save(client: TestClient, model: str = "cats", **body: Any) -> Any:
    answer = client.post(f"/v1/models/{model}/latents", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def refused(answer: Any, status: int, field: str | None, detail: str) -> None:
    problem = answer.json()
    assert answer.status_code == status, problem
    assert problem.get("field") == field, problem
    assert detail in problem["detail"], problem


def test_a_saved_latent_is_read_with_its_source(
    client: TestClient, checkpoint: GeneratorCheckpoint
) -> None:
    lucky = client.get(f"{LATENTS}/lucky").json()
    created_at = lucky.pop("created_at")
    assert created_at > "2026"
    assert lucky == {
        "name": "lucky",
        "seed": 7,
        "latent": None,
        "source": {"seed": 7},
        "class": None,
        "note": "the first",
        "tags": ["good", "one"],
        "checkpoint": checkpoint.id,
        "image": f"{MODEL}/images/@lucky.png",
    }
    mixed = client.get(f"{LATENTS}/mixed").json()
    assert mixed["seed"] is None
    parts = [{"name": "lucky", "weight": 1.0}, {"seed": 8, "weight": -1.0}]
    assert mixed["source"] == {"mix": parts, "edits": {"age": 1.0}}
    assert len(mixed["latent"]) == DIM
    assert client.get(f"{LATENTS}/found").json()["latent"] == [0.5] * DIM
    refused(client.get(f"{LATENTS}/luky"), 404, "latent", "did you mean lucky?")


def test_latents_are_listed_newest_first_in_pages_and_by_tag(client: TestClient) -> None:
    first = client.get(f"{LATENTS}?limit=2").json()
    assert [latent["name"] for latent in first["items"]] == ["found", "mixed"]
    rest = client.get(f"{LATENTS}?limit=2&cursor={first['next']}").json()
    assert ([latent["name"] for latent in rest["items"]], rest["next"]) == (["lucky"], None)
    tagged = client.get(f"{LATENTS}?tag=good").json()["items"]
    assert [latent["name"] for latent in tagged] == ["mixed", "lucky"]
    assert client.get(f"{LATENTS}?tag=goo").json()["items"] == []
    refused(client.get("/v1/models/dogs/latents"), 404, "model", "no model 'dogs'")


@pytest.mark.parametrize(
    ("body", "status", "field", "detail"),
    [
        ({"name": "lucky", "seed": 1}, 409, "name", "lucky: choose other names"),
        ({"name": "42", "seed": 1}, 422, "name", "not only digits"),
        ({"name": "a..b", "seed": 1}, 422, "name", "without .."),
        ({"name": "White", "seed": 1}, 422, "name", "1 to 64 of a-z"),
        ({"name": "a"}, 422, None, "give exactly one of seed, latent, mix, projection"),
        ({"name": "a", "latent": [1.0]}, 422, "latent", "has 1 values"),
        ({"name": "a", "seed": 1, "edits": {"whit": 1}}, 404, "edits.whit", "did you mean white?"),
        ({"name": "a", "projection": "p2"}, 409, "projection", "'p2' is running"),
        ({"name": "a", "projection": "p3"}, 404, "projection", "no projection 'p3'"),
        ({"name": "a", "seed": 1, "class": "tabby"}, 422, "class", "is not conditional"),
        ({"name": "a", "seed": 1, "tags": ["A"]}, 422, "tags.0", "'A'"),
    ],
)
def test_a_latent_that_cannot_be_saved_is_refused(
    client: TestClient, body: dict[str, Any], status: int, field: str | None, detail: str
) -> None:
    refused(client.post(LATENTS, json=body), status, field, detail)


def test_a_latent_is_replaced_renamed_and_deleted(client: TestClient) -> None:
    save(client, name="draft", seed=1)
    again = client.post(f"{LATENTS}?replace=true", json={"name": "draft", "seed": 2})
    assert again.json()["seed"] == 2
    patch = {"name": "final", "note": "better", "tags": ["x"]}
    changed = client.patch(f"{LATENTS}/draft", json=patch).json()
    assert {name: changed[name] for name in patch} == patch
    taken = client.patch(f"{LATENTS}/final", json={"name": "lucky"})
    refused(taken, 409, "name", "lucky")
    assert client.patch(f"{LATENTS}/final", json={"note": None}).json()["note"] is None
    assert client.delete(f"{LATENTS}/final").status_code == 204
    assert client.delete(f"{LATENTS}/final").status_code == 404


def test_a_name_for_a_seed_is_the_image_of_the_seed(
    client: TestClient, checkpoint: GeneratorCheckpoint
) -> None:
    by_seed = client.get(f"{MODEL}/images/7.png?checkpoint={checkpoint.id}")
    by_name = client.get(f"{MODEL}/images/@lucky.png?checkpoint={checkpoint.id}")
    assert by_name.content == by_seed.content
    assert by_name.headers["etag"] == by_seed.headers["etag"]
    assert "immutable" in by_seed.headers["cache-control"]
    assert by_name.headers["cache-control"] == "no-cache"
    fresh = {"If-None-Match": by_name.headers["etag"]}
    assert client.get(f"{MODEL}/images/@lucky.png", headers=fresh).status_code == 304
    refused(client.get(f"{MODEL}/images/@luck.png"), 404, "latent.name", "did you mean lucky?")


def test_the_recipe_of_a_named_image_names_what_was_requested(client: TestClient) -> None:
    recipe = client.get(f"{MODEL}/images/@mixed.json?edit=white:1.5&edit=age:-2").json()
    assert recipe["source"] == {"name": "mixed", "edits": {"white": 1.5, "age": -2.0}}
    image = client.get(f"{MODEL}/images/@mixed.webp?edit=white:1.5&edit=age:-2")
    disposition = image.headers["content-disposition"]
    assert disposition == 'inline; filename="cats-mixed-white+1.5-age-2.webp"'
    verified = client.post("/v1/recipes/verify", content=image.content).json()
    assert verified["match"], verified
    assert verified["recipe"]["source"]["name"] == "mixed"


def test_an_edited_seed_is_another_image_and_never_immutable(
    client: TestClient, checkpoint: GeneratorCheckpoint
) -> None:
    url = f"{MODEL}/images/7.png?checkpoint={checkpoint.id}"
    plain, edited = client.get(url), client.get(f"{url}&edit=white:1.5")
    assert edited.content != plain.content
    assert edited.headers["cache-control"] == "no-cache"
    body = {"latents": [{"seed": 7, "edits": {"white": 1.5}}], "format": "png"}
    assert client.post(f"{MODEL}/images", json=body).content == edited.content
    for edit, status, field, detail in (
        ("white", 422, "edit", "is not DIRECTION:AMOUNT"),
        ("white:11", 422, "edit", "from -10 to 10"),
        ("white:1&edit=white:2", 422, "edit", "more than once"),
        ("wite:1", 404, "latent.edits.wite", "did you mean white?"),
    ):
        refused(client.get(f"{url}&edit={edit}"), status, field, detail)


def test_a_random_image_may_be_edited(client: TestClient) -> None:
    image = client.get(f"{MODEL}/random.png?edit=white:2")
    assert client.get(image.headers["content-location"]).content == image.content


def test_all_kinds_of_latents_make_a_contact_sheet_that_verifies(client: TestClient) -> None:
    latents = [
        {"name": "lucky"},
        {"name": "mixed", "edits": {"white": 1}},
        {"projection": "p1"},
        [1.0] * DIM,
    ]
    sheet = client.post(f"{MODEL}/images", json={"latents": latents, "format": "contact"})
    verified = client.post("/v1/recipes/verify", content=sheet.content).json()
    assert verified["match"], verified
    body = {"latents": latents, "format": "json"}
    recipes = client.post(f"{MODEL}/images", json=body).json()["items"]
    assert recipes[0]["seed"] == 7
    assert recipes[2]["source"] == {"projection": "p1"}
    assert recipes[3].get("source") is None
    bad = {"latents": [{"mix": [{"name": "luck", "weight": 1}]}]}
    refused(client.post(f"{MODEL}/images", json=bad), 404, "latents.0.mix.0.name", "lucky")


def test_a_morph_through_names_and_seeds_by_url_is_the_posted_one(
    client: TestClient, checkpoint: GeneratorCheckpoint
) -> None:
    url = f"{MODEL}/interpolations/7..mixed..42.webp?frames=5&edit=white:1"
    morph = client.get(url)
    keyframes: list[dict[str, Any]] = [{"seed": 7}, {"name": "mixed"}, {"seed": 42}]
    edited = [frame | {"edits": {"white": 1}} for frame in keyframes]
    body = {"keyframes": edited, "frames": 5}
    assert client.post(f"{MODEL}/interpolations", json=body).content == morph.content
    assert client.post("/v1/recipes/verify", content=morph.content).json()["match"]
    seeds = f"{MODEL}/interpolations/7..42.webp?frames=3&checkpoint={checkpoint.id}"
    assert "immutable" in client.get(seeds).headers["cache-control"]
    assert client.get(seeds.replace("..", "-")).content == client.get(seeds).content
    named = client.get(seeds.replace("7..", "lucky.."))
    assert named.headers["cache-control"] == "no-cache"
    assert named.headers["etag"] == client.get(seeds).headers["etag"]
    many = "..".join(["7"] * 65)
    for path, status, detail in (
        ("lucky", 422, "has 1 keyframes: give 2 to 64"),
        (many, 422, "has 65 keyframes"),
        ("7..Lucky", 422, "'Lucky' is neither a seed nor a name"),
        ("7..luck", 404, "did you mean lucky?"),
    ):
        answer = client.get(f"{MODEL}/interpolations/{path}.webp")
        assert (answer.status_code, detail in answer.json()["detail"]) == (status, True), path


def test_a_conditional_model_uses_the_class_that_was_saved(client: TestClient) -> None:
    save(client, "pets", name="snow", latent=[1.0] * DIM, **{"class": "white cat"})
    assert client.get("/v1/models/pets/images/@snow.json").json()["class"] == "white cat"
    tabby = client.get("/v1/models/pets/images/@snow.json?class=tabby").json()
    assert tabby["class"] == "tabby"
    save(client, "pets", name="drawn", seed=3)
    drawn = CLASSES[class_from_seed(3, 2)]
    assert client.get("/v1/models/pets/images/@drawn.json").json()["class"] == drawn
    body = {"name": "none", "latent": [1.0] * DIM}
    refused(client.post("/v1/models/pets/latents", json=body), 422, "class", "give class")


@pytest.mark.parametrize("file_format", ["json", "npz"])
def test_an_export_is_imported_into_the_model_again(client: TestClient, file_format: str) -> None:
    before = client.get(LATENTS).json()
    url = f"{LATENTS}.{file_format}"
    exported = client.get(url)
    headers = {"Content-Type": "application/json"} if file_format == "json" else {}
    taken = client.post(url, content=exported.content, headers=headers)
    refused(taken, 409, "name", "found, lucky, mixed")
    imported = client.post(f"{url}?replace=true", content=exported.content, headers=headers)
    assert imported.status_code == 201, imported.text
    assert imported.json() == {"names": ["lucky", "mixed", "found"]}
    after = client.get(LATENTS).json()
    for latent in [*before["items"], *after["items"]]:
        del latent["created_at"]
    assert after == before
    other = client.post(
        f"/v1/models/empty/latents.{file_format}", content=exported.content, headers=headers
    )
    assert other.status_code == 422
    assert client.get("/v1/models/empty/latents").json()["items"] == []


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def test_arrays_made_elsewhere_are_imported(client: TestClient) -> None:
    vectors = np.stack([vector_of(seed, DIM) for seed in (1, 2)]).astype(np.float64)
    data = npz(names=np.array(["n1", "n2"]), latents=vectors)
    url = f"{LATENTS}.npz"
    assert client.post(url, content=data).status_code == 201
    saved = client.get(f"{LATENTS}/n2").json()
    assert np.array_equal(np.array(saved["latent"], np.float32), vector_of(2, DIM))
    for name in ("n1", "n2"):
        client.delete(f"{LATENTS}/{name}")


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"PK\3\4", "is not a readable NPZ"),
        (npz(latents=np.zeros((1, DIM))), "no array `names`"),
        (npz(names=np.array(["a", "b"]), latents=np.zeros((1, DIM))), "of the shape (2, 8)"),
        (npz(names=np.array(["a", "a"]), seeds=np.array([1, 2])), "'a' occurs twice"),
        (npz(names=np.array(["a"])), "neither latents nor a seed"),
        (npz(names=np.array(["A"]), seeds=np.array([1])), "latents.0.name"),
        (npz(names=np.array([{}], object)), "Python objects"),
        (npz(names=np.array(["a"]), latents=np.full((1, DIM), np.nan)), "not finite"),
        (npz(names=np.array(["a"]), seeds=np.array([1.5])), "whole numbers"),
        (npz(names=np.array(["a"]), seeds=np.array([1]), details=np.zeros(3)), "details is not"),
    ],
)
def test_arrays_that_are_no_latents_are_refused(
    client: TestClient, data: bytes, detail: str
) -> None:
    answer = client.post(f"{LATENTS}.npz", content=data)
    assert answer.status_code == 422
    assert detail in answer.json()["detail"]
