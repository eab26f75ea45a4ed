"""The manifest of a synthesis: what was made of what, and in which files it lies."""

from collections.abc import Sequence
from typing import Any

from app.domain.images.replacements import seed_after
from app.domain.tables import JobFile


def describe(
    config: dict[str, Any],
    recipe: dict[str, Any],
    encoder: str,
    classes: Sequence[str],
    files: Sequence[JobFile],
) -> dict[str, Any]:
    """`files` are all shards in order, each followed by its recipes.

    `recipe` is what the recipes of all images have in common; each shard names the file with the
    rest, a line of JSON for each image.
    """
    shards, tried = [], 0
    for shard, recipes in zip(files[::2], files[1::2], strict=True):
        assert shard.images is not None
        assert shard.tried is not None
        shards.append(
            _file(shard)
            | {
                "images": shard.images,
                "first_seed": seed_after(config["seed"], tried),
                "last_seed": seed_after(config["seed"], shard.tried - 1),
                "copies_left_out": shard.tried - tried - shard.images,
                "recipes": _file(recipes),
            }
        )
        tried = shard.tried
    return {
        "recipe": recipe,
        "encoder": encoder,
        **config,
        "classes": list(classes) or None,
        "bytes": sum(file.bytes for file in files),
        "copies_left_out": tried - config["images"],
        "shards": shards,
    }


def _file(file: JobFile) -> dict[str, Any]:
    return {"name": file.name, "bytes": file.bytes, "sha256": file.sha256}
