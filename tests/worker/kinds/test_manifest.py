"""The manifest of a synthesis."""

from app.domain.tables import JobFile
from models.config import MAX_SEED
from worker.kinds.synthesize import describe_files


def shard(number: int, images: int, tried: int) -> list[JobFile]:
    name = f"cats-{number:06}"
    return [
        JobFile(name=f"{name}.zip", bytes=1000, sha256="a", images=images, tried=tried),
        JobFile(name=f"{name}.jsonl", bytes=10, sha256="b"),
    ]


def test_the_manifest_gives_the_seeds_of_each_shard_and_how_many_were_left_out() -> None:
    config = {"images": 25, "seed": MAX_SEED - 9, "layout": "zip"}
    recipe = {"model": "cats", "checkpoint": "c1"}
    files = shard(0, 10, 10) + shard(1, 10, 23) + shard(2, 5, 28)
    manifest = describe_files(config, recipe, "pillow", ("tabby",), files)
    assert {name: manifest[name] for name in config} == config
    assert (manifest["recipe"], manifest["encoder"]) == (recipe, "pillow")
    assert (manifest["classes"], manifest["bytes"]) == (["tabby"], 3030)
    assert manifest["left_out"] == 3
    first, second, third = manifest["shards"]
    assert first == {
        "name": "cats-000000.zip",
        "bytes": 1000,
        "sha256": "a",
        "images": 10,
        "first_seed": MAX_SEED - 9,
        "last_seed": MAX_SEED,
        "left_out": 0,
        "recipes": {"name": "cats-000000.jsonl", "bytes": 10, "sha256": "b"},
    }
    assert (second["first_seed"], second["last_seed"], second["left_out"]) == (0, 12, 3)
    assert (third["first_seed"], third["last_seed"], third["left_out"]) == (13, 17, 0)


def test_the_manifest_of_a_model_without_classes_has_null() -> None:
    config = {"images": 10, "seed": 0}
    assert describe_files(config, {}, "pillow", (), shard(0, 10, 10))["classes"] is None
