"""MOGGY_API_KEYS: keys with and without a name, and what is refused."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

import pytest

from app.domain.api_keys import ApiKey, parse_api_keys
from app.domain.processes import StartError, load_settings
from app.domain.settings import Settings

PADDED = b64encode(b"sixteen bytes!!!").decode()  # ends in ==


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ("", []),
        (" , ,", []),
        ("secret", [ApiKey("secret")]),
        ("first, second ,", [ApiKey("first"), ApiKey("second")]),
        ("ada=secret", [ApiKey("secret", "ada")]),
        ("ada = secret,plain", [ApiKey("secret", "ada"), ApiKey("plain")]),
        ("0.ci_bot-2=x", [ApiKey("x", "0.ci_bot-2")]),
        ("ada=with=inside", [ApiKey("with=inside", "ada")]),
        (PADDED, [ApiKey(PADDED)]),
        (f"ada={PADDED}", [ApiKey(PADDED, "ada")]),
        (f"{'a' * 64}=x", [ApiKey("x", "a" * 64)]),
    ],
)
def test_an_entry_is_a_key_or_a_name_with_a_key(value: str, keys: list[ApiKey]) -> None:
    assert parse_api_keys(value) == tuple(keys)


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("size", [8, 10, 16, 20, 32, 64])
def test_a_base64_key_that_ends_in_padding_has_no_name(
    encode: Callable[[bytes], bytes], size: int
) -> None:
    key = encode(bytes(range(250, 250 - size, -1))).decode()
    assert key.endswith("=")
    assert parse_api_keys(key) == (ApiKey(key),)
    assert parse_api_keys(f"ada={key}") == (ApiKey(key, "ada"),)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("ada=one,ada=two", "two keys of MOGGY_API_KEYS have the name 'ada'"),
        ("ada=one,bob=one", "entry 2 of MOGGY_API_KEYS repeats the key of an earlier entry"),
        ("one,ada=one", "entry 2 of MOGGY_API_KEYS repeats the key"),
        ("one,two,one", "entry 3 of MOGGY_API_KEYS repeats the key"),
        ("one,Ada=two", "entry 2 of MOGGY_API_KEYS is neither KEY nor NAME=KEY"),
        ("a b=two", "entry 1 .* a name: 1 to 64 of a-z 0-9"),
        ("=two", "entry 1 .* neither KEY nor NAME=KEY"),
        (f"{'a' * 65}=x", "entry 1 .* neither KEY nor NAME=KEY"),
        ("ada=", "entry 1 of MOGGY_API_KEYS has nothing after its =: give NAME=KEY"),
        ("bob=", "entry 1 .* has nothing after its ="),
        ("engineering=", "entry 1 .* has nothing after its ="),
        ("abcd==", "entry 1 .* has nothing after its ="),
    ],
)
def test_an_invalid_entry_is_named_by_its_number(value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_api_keys(value)


def test_no_key_is_in_the_message_that_a_service_does_not_start_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOGGY_API_KEYS", "ada=hunter2,ada=hunter3")
    with pytest.raises(StartError, match=r"^MOGGY_API_KEYS: two keys .*'ada'") as caught:
        load_settings(Settings, {})
    assert "hunter" not in str(caught.value)


def test_settings_show_no_key() -> None:
    assert "hunter2" not in repr(Settings(api_keys="ada=hunter2"))
