import pytest

from worker.ingest.names import (
    HALF_CHARACTER,
    folder_of,
    is_litter,
    parts_of,
    points_outside,
    shown,
)


@pytest.mark.parametrize(
    "name",
    [
        ".DS_Store",
        "cats/.hidden.png",
        ".git/objects/a.png",
        "__MACOSX/cats/._a.png",
        "cats/._a.png",
        "cats/Thumbs.db",
        "cats\\thumbs.db",
    ],
)
def test_what_systems_leave_is_litter(name: str) -> None:
    assert is_litter(name)


@pytest.mark.parametrize("name", ["a.png", "./cats/a.png", "cats/a.b.png", "../a.png", "thumbs"])
def test_what_people_put_there_is_not_litter(name: str) -> None:
    assert not is_litter(name)


@pytest.mark.parametrize(
    "name", ["../a.png", "cats/../../a.png", "/etc/a.png", "..\\a.png", "C:\\a.png", "\\a.png"]
)
def test_a_path_out_of_its_folder_is_seen(name: str) -> None:
    assert points_outside(name)


@pytest.mark.parametrize("name", ["a.png", "./a.png", "cats/a..png", "cats//a.png", "...png"])
def test_an_innocent_path_is_not_suspected(name: str) -> None:
    assert not points_outside(name)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("a.png", None),
        ("./a.png", None),
        ("cats/a.png", "cats"),
        ("train/tabby/a.png", "tabby"),
        ("train\\tabby\\a.png", "tabby"),
    ],
)
def test_the_folder_is_the_immediate_one(name: str, folder: str | None) -> None:
    assert folder_of(name) == folder


def test_a_shown_name_can_be_stored_and_printed() -> None:
    name = shown("a\0b\x1b[31m\udce9/" + "x" * 1000)
    assert name.isprintable()
    assert len(name.encode()) < 400


def test_bytes_that_are_no_text_are_shown_as_they_are() -> None:
    assert (
        shown(b"th\xe9/\xb9\xb7.png".decode("utf-8", "surrogateescape")) == r"th\xe9/\xb9\xb7.png"
    )


@pytest.mark.parametrize("char", "\0\n\x7f\x85\u2028\u202e\u2066\ud800")
def test_what_would_mislead_or_break_a_line_is_replaced(char: str) -> None:
    assert shown(f"a{char}b") == "a\N{REPLACEMENT CHARACTER}b"


def test_half_a_character_divides_no_path() -> None:
    name = f"\x83{HALF_CHARACTER}/1.png"
    assert parts_of(name) == [f"\x83{HALF_CHARACTER}", "1.png"]
    assert shown(f"a{HALF_CHARACTER}b") == "a\\b"


def test_names_that_look_alike_are_alike() -> None:
    assert shown("cafe\u0301") == shown("caf\u00e9")
