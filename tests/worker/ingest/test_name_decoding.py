import pytest

from worker.ingest.name_decoding import NameDecoder
from worker.ingest.names import folder_of, shown

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
    decoder.look_at(names)
    return [decoder.decode(name) for name in names]


@pytest.mark.parametrize("code_page", CLASSES)
def test_a_named_code_page_is_used(code_page: str) -> None:
    names = [f"{name}/1.png" for name in CLASSES[code_page]]
    decoder = NameDecoder("a.zip", code_page, "cp437")
    assert decoded(decoder, [name.encode(code_page) for name in names]) == names
    assert list(decoder.notices()) == []


@pytest.mark.parametrize("default", ["cp437", None])
@pytest.mark.parametrize("code_page", CLASSES)
def test_without_one_classes_stay_apart_and_it_is_said(code_page: str, default: str | None) -> None:
    raw = [f"{name}/1.png".encode(code_page) for name in CLASSES[code_page]]
    decoder = NameDecoder("old.zip", None, default)
    folders = [folder_of(name) for name in decoded(decoder, raw)]
    assert None not in folders
    assert len({shown(str(folder)) for folder in folders}) == 2
    (notice,) = decoder.notices()
    assert notice.text.startswith("old.zip: ")
    assert "names=shift_jis" in notice.text


def test_utf_8_stays_so_where_it_can_be_no_other() -> None:
    names = ["черепаха/1.png", "猫/2.png"]
    decoder = NameDecoder("mac.zip", "gb18030", "cp437")
    assert decoded(decoder, [name.encode() for name in names]) == names
    assert list(decoder.notices()) == []


def test_a_name_that_the_named_code_page_has_not_keeps_its_bytes_and_is_told() -> None:
    decoder = NameDecoder("a.tar", "cp932")
    good, bad = decoded(decoder, ["ネコ/1.png".encode("cp932"), b"\x81\xff/2.png"])
    assert good == "ネコ/1.png"
    assert shown(bad) == r"\x81\xff/2.png"
    (notice,) = decoder.notices()
    assert "1 names are neither UTF-8 nor cp932" in notice.text


def test_a_backslash_in_an_old_name_without_slashes_divides_it() -> None:
    decoder = NameDecoder("a.zip", None, "cp437")
    assert folder_of(decoder.decode("Kätzchen\\1.png".encode("cp437"))) == "Kätzchen"
    assert folder_of(decoder.decode(b"\x83\x5c.png")) is None
