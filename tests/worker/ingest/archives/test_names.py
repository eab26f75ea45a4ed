from pathlib import Path

import pytest

from worker.ingest.archives.names import (
    HALF_CHARACTER,
    FileNames,
    NameDecoder,
    display_name,
    folder_of,
    is_litter,
    parts_of,
    points_outside,
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
def test_files_of_operating_systems_are_litter(name: str) -> None:
    assert is_litter(name)


@pytest.mark.parametrize("name", ["a.png", "./cats/a.png", "cats/a.b.png", "../a.png", "thumbs"])
def test_files_of_users_are_not_litter(name: str) -> None:
    assert not is_litter(name)


@pytest.mark.parametrize(
    "name", ["../a.png", "cats/../../a.png", "/etc/a.png", "..\\a.png", "C:\\a.png", "\\a.png"]
)
def test_a_path_that_leaves_its_folder_points_outside(name: str) -> None:
    assert points_outside(name)


@pytest.mark.parametrize("name", ["a.png", "./a.png", "cats/a..png", "cats//a.png", "...png"])
def test_a_path_within_its_folder_does_not_point_outside(name: str) -> None:
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
def test_the_folder_of_a_file_is_the_immediate_one(name: str, folder: str | None) -> None:
    assert folder_of(name) == folder


def test_a_shown_name_can_be_stored_and_printed() -> None:
    name = display_name("a\0b\x1b[31m\udce9/" + "x" * 1000)
    assert name.isprintable()
    assert len(name.encode()) < 400


def test_bytes_that_are_not_text_are_shown_in_hexadecimal() -> None:
    assert (
        display_name(b"th\xe9/\xb9\xb7.png".decode("utf-8", "surrogateescape"))
        == r"th\xe9/\xb9\xb7.png"
    )


@pytest.mark.parametrize("char", "\0\n\x7f\x85\u2028\u202e\u2066\ud800")
def test_controls_and_changes_of_direction_are_replaced(char: str) -> None:
    assert display_name(f"a{char}b") == "a\N{REPLACEMENT CHARACTER}b"


def test_the_second_byte_of_a_character_does_not_divide_a_path() -> None:
    name = f"\x83{HALF_CHARACTER}/1.png"
    assert parts_of(name) == [f"\x83{HALF_CHARACTER}", "1.png"]
    assert display_name(f"a{HALF_CHARACTER}b") == "a\\b"


def test_equivalent_names_are_shown_alike() -> None:
    assert display_name("cafe\u0301") == display_name("caf\u00e9")


CLASSES = {
    "gb18030": ("猫", "狗"),  # the first is valid UTF-8 in GBK
    "cp932": ("ネコ", "ソラ"),  # the second holds 0x5C in Shift_JIS
    "cp866": ("кошка", "собака"),
    "cp1251": ("кошка", "собака"),
    "latin-1": ("thé", "thè"),
    "cp949": ("고양이", "개"),
    "cp950": ("功能", "許可"),  # both hold 0x5C in Big5
}


def decoded(decoder: NameDecoder, names: list[bytes]) -> list[str]:
    decoder.choose_code_page(names)
    return [decoder.decode(name) for name in names]


@pytest.mark.parametrize("code_page", CLASSES)
def test_a_named_code_page_is_used(code_page: str) -> None:
    names = [f"{name}/1.png" for name in CLASSES[code_page]]
    decoder = NameDecoder("a.zip", code_page, "cp437")
    assert decoded(decoder, [name.encode(code_page) for name in names]) == names
    assert list(decoder.notes()) == []


@pytest.mark.parametrize("default", ["cp437", None])
@pytest.mark.parametrize("code_page", CLASSES)
def test_without_a_code_page_classes_stay_distinct_and_the_guess_is_reported(
    code_page: str, default: str | None
) -> None:
    raw = [f"{name}/1.png".encode(code_page) for name in CLASSES[code_page]]
    decoder = NameDecoder("old.zip", None, default)
    folders = [folder_of(name) for name in decoded(decoder, raw)]
    assert None not in folders
    assert len({display_name(str(folder)) for folder in folders}) == 2
    (note,) = (found.text for found in decoder.notes())
    assert note.startswith("old.zip: ")
    assert "names=shift_jis" in note


def test_long_names_in_utf_8_are_decoded_whatever_code_page_is_named() -> None:
    names = ["черепаха/1.png", "猫/2.png"]
    decoder = NameDecoder("mac.zip", "gb18030", "cp437")
    assert decoded(decoder, [name.encode() for name in names]) == names
    assert list(decoder.notes()) == []


def test_a_name_outside_the_named_code_page_keeps_its_bytes_and_is_reported() -> None:
    decoder = NameDecoder("a.tar", "cp932")
    good, bad = decoded(decoder, ["ネコ/1.png".encode("cp932"), b"\x81\xff/2.png"])
    assert good == "ネコ/1.png"
    assert display_name(bad) == r"\x81\xff/2.png"
    (note,) = (found.text for found in decoder.notes())
    assert "1 names are neither UTF-8 nor cp932" in note


def test_a_backslash_in_an_old_name_without_slashes_divides_it() -> None:
    decoder = NameDecoder("a.zip", None, "cp437")
    assert folder_of(decoder.decode("Kätzchen\\1.png".encode("cp437"))) == "Kätzchen"
    assert folder_of(decoder.decode(b"\x83\x5c.png")) is None


def test_names_are_read_by_index_and_their_file_is_deleted(tmp_path: Path) -> None:
    names = FileNames(tmp_path / "names.txt")
    for name in ("a.png", "two\nlines.png", "ä\x85\u2028b.png", "d.png"):
        names.add(name)
    assert names.of({3, 1}) == {1: "two\N{REPLACEMENT CHARACTER}lines.png", 3: "d.png"}
    assert len(names.of({0, 1, 2, 3, 9})) == 4
    names.close()
    names.close()
    assert list(tmp_path.iterdir()) == []
