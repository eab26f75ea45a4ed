"""Generated images and morphs, and the formats that file names stand for."""

from pathlib import Path

import pytest

from app.cli.errors import WrongUsage
from app.cli.images import image_format, morph_format

from .conftest import (
    FakeService,
    Moggy,
)


@pytest.mark.parametrize(
    ("name", "count", "chosen"),
    [
        ("cat.png", 1, "png"),
        ("cat.JPG", 1, "jpg"),
        ("cat.jpeg", 1, "jpg"),
        ("cat.webp", 1, "webp"),
        ("cat.zip", 1, "zip"),
        ("cats.png", 64, "grid"),
        ("cats.zip", 64, "zip"),
    ],
)
def test_the_suffix_and_the_number_of_images_decide_the_format(
    name: str, count: int, chosen: str, tmp_path: Path
) -> None:
    assert image_format(tmp_path / name, count) == chosen


def test_an_unsuitable_file_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match=r"cats\.jpg: several images are written as one grid"):
        image_format(tmp_path / "cats.jpg", 2)
    with pytest.raises(
        WrongUsage, match=r"must end in \.png, \.jpg, \.jpeg, \.webp, \.avif, \.zip"
    ):
        image_format(tmp_path / "cat.bmp", 1)
    with pytest.raises(WrongUsage, match=r"must end in \.webp, \.gif, \.apng, \.mp4, \.png, \.zip"):
        morph_format(tmp_path / "morph.mp3")
    with pytest.raises(WrongUsage, match="there is no folder"):
        morph_format(tmp_path / "nowhere" / "morph.webp")
    assert morph_format(tmp_path / "morph.png") == "strip"


def test_generate_writes_one_image_or_a_grid(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    service.on("POST /v1/models/cats/images", (200, "image/png", b"grid"), (200, "x", b"single"))
    assert moggy("generate", "cats", "--seeds", "0-2,9", "--out", tmp_path / "g.png").code == 0
    options = ("--seeds", "5", "--class", "white cat", "--scale", 4, "--truncation", 0.7)
    assert moggy("generate", "cats", *options, "--out", tmp_path / "o.webp").code == 0
    assert [request.json for request in service.received] == [
        {"seeds": [0, 1, 2, 9], "format": "grid"},
        {"seeds": [5], "format": "webp", "class": "white cat", "scale": 4, "truncation": 0.7},
    ]
    assert (tmp_path / "g.png").read_bytes() == b"grid"
    assert (tmp_path / "o.webp").read_bytes() == b"single"


def test_a_model_name_with_slashes_is_one_segment_of_the_path(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    moggy("generate", "../jobs", "--seeds", "5", "--out", tmp_path / "o.png")
    assert service.lines() == ["POST /v1/models/..%2Fjobs/images"]
    assert list(tmp_path.iterdir()) == []


def test_morph_sends_every_keyframe(service: FakeService, moggy: Moggy, tmp_path: Path) -> None:
    service.on("POST /v1/models/cats/interpolations", (200, "image/webp", b"film"))
    out = tmp_path / "morph.webp"
    arguments: tuple[str | int, ...] = (
        "--frames",
        90,
        "--fps",
        25,
        "--loop",
        "--method",
        "lerp",
        "--easing",
        "smooth",
    )
    arguments += ("--class", "white", "--scale", 3, "--resample", "nearest")
    assert moggy("morph", "cats", 7, 42, 8, "--out", out, *arguments).code == 0
    strip = tmp_path / "strip.png"
    assert moggy("morph", "cats", 7, 42, "--no-repeat", "--out", strip).code == 0
    assert [request.json for request in service.received] == [
        {
            "keyframes": [{"seed": 7}, {"seed": 42}, {"seed": 8}],
            "frames": 90,
            "fps": 25,
            "loop": True,
            "method": "lerp",
            "easing": "smooth",
            "class": "white",
            "format": "webp",
            "scale": 3,
            "resample": "nearest",
        },
        {
            "keyframes": [{"seed": 7}, {"seed": 42}],
            "frames": 60,
            "repeat": False,
            "format": "strip",
        },
    ]
    assert out.read_bytes() == b"film"


def test_blend_sends_the_corners_and_the_place_or_the_sheet(
    service: FakeService, moggy: Moggy, tmp_path: Path
) -> None:
    service.on("POST /v1/models/cats/blend", (200, "image/png", b"pad"), (200, "x", b"one"))
    out = tmp_path / "pad.png"
    assert moggy("blend", "cats", "white", 42, 3, 9, "--sheet", 7, "--out", out).code == 0
    place = ("--x", 0.25, "--y", 0.5, "--scale", 2)
    assert moggy("blend", "cats", 7, 42, 3, *place, "--out", tmp_path / "one.jpg").code == 0
    seeds = [{"seed": seed} for seed in (7, 42, 3, 9)]
    assert [request.json for request in service.received] == [
        {"corners": [{"name": "white"}, *seeds[1:]], "sheet": 7, "format": "png"},
        {"corners": seeds[:3], "x": 0.25, "y": 0.5, "format": "jpg", "scale": 2},
    ]
    assert out.read_bytes() == b"pad"
