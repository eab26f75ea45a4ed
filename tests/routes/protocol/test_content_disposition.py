"""File names in a form, in every way that HTTP clients write them."""

import pytest

from app.domain.errors import InvalidRequest
from app.routes.protocol.content_disposition import read_disposition

NAMES = {
    "quoted": (b'filename="cat.png"', "cat.png"),
    "a token": (b"filename=cat.png", "cat.png"),
    "only RFC 5987": (b"filename*=utf-8''%D0%BA%D0%BE%D1%82.png", "кот.png"),
    "RFC 5987 with a language": (b"filename*=UTF-8'ru'%D0%BA%D0%BE%D1%82.png", "кот.png"),
    "RFC 5987 in Latin-1": (b"filename*=ISO-8859-1''caf%E9.png", "caf\xe9.png"),
    "RFC 5987 in quotes": (b"filename*=\"UTF-8''%D0%BA.png\"", "к.png"),
    "RFC 5987 after the plain name": (
        b"filename=\"kot.png\"; filename*=utf-8''%D0%BA%D0%BE%D1%82.png",
        "кот.png",
    ),
    "RFC 5987 before the plain name": (
        b"filename*=utf-8''%D0%BA%D0%BE%D1%82.png; filename=\"kot.png\"",
        "кот.png",
    ),
    "RFC 5987 that is broken, with a plain name": (
        b"filename=\"kot.png\"; filename*=utf-8''%FF.png",
        "kot.png",
    ),
    "RFC 5987 with a folder": (b"filename*=utf-8''%D0%BA%2F0.png", "к/0.png"),
    "RFC 2231 in pieces": (b"filename*0*=utf-8''%D0%BA; filename*1=\"ot.png\"", "кot.png"),
    "raw UTF-8": ('filename="кот.png"'.encode(), "кот.png"),
    "raw Latin-1": (b'filename="caf\xe9.png"', "caf\xe9.png"),
    "raw Windows-1252": (b'filename="5\x80.png"', "5€.png"),
    "a byte that Windows-1252 has not": (b'filename="\xe9\x81.png"', "\xe9\x81.png"),
    "an RFC 2047 word, as .NET writes it": (b'filename="=?utf-8?B?0LrQvtGC?="', "кот"),
    "an RFC 2047 word of no known charset": (b'filename="=?no?B?0LrQ?="', "=?no?B?0LrQ?="),
    "RFC 5987 after an RFC 2047 word": (
        b"filename=\"=?utf-8?B?0LrQ?=\"; filename*=utf-8''%D0%BF%D1%91%D1%81",
        "пёс",
    ),
    "percent-encoded by a browser": (b'filename="a%22b%0D%0a.png"', 'a"b\r\n.png'),
    "a percent sign of its own": (b'filename="100%25 %D0.png"', "100%25 %D0.png"),
    "an escaped quote": (b'filename="a\\"b.png"', 'a"b.png'),
    "an escaped backslash": (b'filename="a\\\\b.png"', "a\\b.png"),
    "a path of Windows": (b'filename="C:\\fakepath\\x.png"', "x.png"),
    "a share of Windows": (b'filename="\\\\\\\\host\\share\\x.png"', "x.png"),
    "an absolute path": (b'filename="/home/me/x.png"', "/home/me/x.png"),
    "a path of a folder that a browser sends": (b'filename="cats/white/x.png"', "cats/white/x.png"),
    "a path of Windows without a drive": (b'filename="cats\\x.png"', "cats\\x.png"),
    "a semicolon": (b'filename="a; b=c.png"', "a; b=c.png"),
    "an apostrophe": (b'filename="it\'s.png"', "it's.png"),
    "upper case": (b'FILENAME="cat.png"', "cat.png"),
    "an empty name": (b'filename=""', ""),
    "no value": (b"filename", ""),
}


@pytest.mark.parametrize("case", NAMES)
def test_every_form_of_a_file_name_is_read(case: str) -> None:
    header, name = NAMES[case]
    disposition = read_disposition(b'form-data; name="files"; ' + header)
    assert disposition == ("form-data", "files", name)


def test_a_part_without_a_file_name_has_none() -> None:
    assert read_disposition(b'form-data; name="size"') == ("form-data", "size", None)
    assert read_disposition(b"") == ("", None, None)


def test_a_field_may_be_named_by_rfc_5987_as_well() -> None:
    assert read_disposition(b"form-data; name*=utf-8''n%61me").field == "name"


@pytest.mark.parametrize(
    "value",
    [b"utf-8''%FF%FE.png", b"klingon''cat.png", b"rot13''cat.png", b"utf-7''%2B2AA-.png"],
)
def test_a_name_that_cannot_be_decoded_is_refused_with_the_right_form(
    value: bytes,
) -> None:
    with pytest.raises(InvalidRequest, match=r"filename\*.*RFC 5987"):
        read_disposition(b'form-data; name="files"; filename*=' + value)
