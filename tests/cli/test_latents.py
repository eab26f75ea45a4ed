"""Named latents on the command line: saved, listed, used, exported and imported."""

from pathlib import Path
from typing import Any

import pytest

from app.cli.errors import WrongUsage
from app.cli.latent_options import parse_edits, parse_latents, parse_mix

from .conftest import FakeService, Moggy, as_json

LATENT: dict[str, Any] = {
    "name": "white",
    "seed": None,
    "latent": [0.0],
    "source": {"mix": [], "edits": {}},
    "class": None,
    "note": None,
    "tags": ["good"],
    "created_at": "2026-11-29T12:00:00Z",
    "image": "/v1/models/cats/images/@white.png",
}


def test_latents_are_names_seeds_and_ranges() -> None:
    assert parse_latents("white,7, 1-2") == [
        {"name": "white"},
        {"seed": 7},
        {"seed": 1},
        {"seed": 2},
    ]
    assert parse_edits(["white:1.5", "a:b:-2"]) == {"white": 1.5, "a:b": -2.0}
    for edit in ("white", "white:x", ":1"):
        with pytest.raises(WrongUsage, match=r"is not of the form white:1\.5"):
            parse_edits([edit])


def test_a_mix_is_terms_with_signs_between_spaces() -> None:
    assert parse_mix("white - 0.5*my-tabby + 42") == [
        {"name": "white", "weight": 1.0},
        {"name": "my-tabby", "weight": -0.5},
        {"seed": 42, "weight": 1.0},
    ]
    for text in ("", "white -", "white tabby", "white + + tabby", "1..2*white"):
        with pytest.raises(WrongUsage, match="is not names and seeds"):
            parse_mix(text)


def test_save_sends_the_latent_and_prints_the_address_of_its_image(
    service: FakeService, moggy: Moggy
) -> None:
    service.on("POST /v1/models/cats/latents", as_json(LATENT, 201))
    options = ("--mix", "white - 7", "--edit", "age:-2", "--note", "n", "--tag", "a", "--tag", "b")
    saved = moggy("save", "cats", "dark", *options)
    assert saved.code == 0
    assert saved.out.strip().endswith("/v1/models/cats/images/@white.png")
    assert service.received[0].json == {
        "name": "dark",
        "mix": [{"name": "white", "weight": 1.0}, {"seed": 7, "weight": -1.0}],
        "edits": {"age": -2.0},
        "note": "n",
        "tags": ["a", "b"],
    }
    both = moggy("save", "cats", "dark", "--seed", 1, "--projection", "p1")
    assert "exactly one of --seed, --mix and --projection" in both.err


def test_latents_lists_where_each_comes_from(service: FakeService, moggy: Moggy) -> None:
    page = {"items": [LATENT, LATENT | {"name": "lucky", "seed": 7}], "next": None}
    service.on("GET /v1/models/cats/latents?limit=200&tag=good", as_json(page))
    listed = moggy("latents", "cats", "--tag", "good").out.splitlines()
    assert "mix + edits" in listed[1]
    assert "seed 7" in listed[2]


def test_names_and_edits_are_generated_and_morphed(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    service.on("POST /v1/models/cats/images", (200, "image/png", b"grid"))
    service.on("POST /v1/models/cats/interpolations", (200, "image/webp", b"film"))
    out = tmp_path / "g.png"
    assert moggy("generate", "cats", "--latents", "white,7", "--out", out).code == 0
    edit = ("--edit", "white:1.5")
    assert moggy("generate", "cats", "--seeds", "7", *edit, "--out", out).code == 0
    assert moggy("morph", "cats", "white", 42, *edit, "--out", tmp_path / "m.webp").code == 0
    edits = {"white": 1.5}
    assert [request.json for request in service.received] == [
        {"latents": [{"name": "white"}, {"seed": 7}], "format": "grid"},
        {"latents": [{"seed": 7, "edits": edits}], "format": "png"},
        {
            "keyframes": [{"name": "white", "edits": edits}, {"seed": 42, "edits": edits}],
            "frames": 60,
            "format": "webp",
        },
    ]
    assert "exactly one of --seeds and --latents" in moggy("generate", "cats", "--out", out).err


def test_a_file_of_latents_is_exported_and_imported(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    service.on("GET /v1/models/cats/latents.npz", (200, "application/octet-stream", b"arrays"))
    service.on("POST /v1/models/cats/latents.npz?replace=true", as_json({"names": ["a", "b"]}))
    out = tmp_path / "latents.npz"
    assert moggy("latent", "export", "cats", "--out", out).code == 0
    imported = moggy("latent", "import", "cats", out, "--replace")
    assert imported.out.strip() == "2 latents saved"
    assert service.received[1].body == b"arrays"
    service.on("DELETE /v1/models/cats/latents/a", (204, "text/plain", b""))
    assert moggy("latent", "delete", "cats", "a", "--yes").code == 0
