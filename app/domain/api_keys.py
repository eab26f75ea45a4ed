"""The keys of MOGGY_API_KEYS, and the names that they may have."""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import NamedTuple

from app.domain.validation import NAME_PATTERN, NAME_RULE

SETTING = "MOGGY_API_KEYS"
MIN_PADDED_BYTES = (
    8  # of a key without a name that ends in `=`; a shorter one may be a NAME= without its key
)


class ApiKey(NamedTuple):
    """A key, and the name that becomes the owner of the jobs that it queues."""

    key: str
    name: str | None = None


def parse_api_keys(value: str | Iterable[str]) -> tuple[ApiKey, ...]:
    """Parse `NAME=KEY` and `KEY` entries, separated by commas or given one by one.

    Raises ValueError for an invalid entry. Its message names entries by their number, because what
    looks like a name may be part of a key.
    """
    entries = value.split(",") if isinstance(value, str) else value
    keys: list[ApiKey] = []
    for number, entry in enumerate((text.strip() for text in entries), start=1):
        if not entry:
            continue
        key = _parse_entry(entry, number)
        if key.name is not None and key.name in (earlier.name for earlier in keys):
            raise ValueError(
                f"two keys of {SETTING} have the name {key.name!r}: give each its own name"
            )
        if key.key in (earlier.key for earlier in keys):
            raise ValueError(
                f"entry {number} of {SETTING} repeats the key of an earlier entry: give each key "
                "once, with one name"
            )
        keys.append(key)
    return tuple(keys)


def _parse_entry(entry: str, number: int) -> ApiKey:
    name, separator, key = entry.partition("=")
    name, key = name.strip(), key.strip()
    # Nothing but a name before a lost key may be base64 too: `engineering=` must not become a key.
    is_name = re.fullmatch(NAME_PATTERN, name) is not None
    if not separator or (_is_padded_base64(entry) and not is_name):
        return ApiKey(entry)
    if not is_name:
        raise ValueError(
            f"entry {number} of {SETTING} is neither KEY nor NAME=KEY: before the first = goes "
            f"{NAME_RULE}, and a key without a name contains = only as the padding of base64"
        )
    if not key.strip("="):
        raise ValueError(
            f"entry {number} of {SETTING} has nothing after its =: give NAME=KEY. A key without "
            f"a name ends with = only as the base64 of {MIN_PADDED_BYTES} bytes or more, with a "
            "capital letter occurs"
        )
    return ApiKey(key, name)


def _is_padded_base64(text: str) -> bool:
    """Whether the text ends in `=` because it is base64, of either alphabet."""
    standard = text.replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(standard, validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(data) >= MIN_PADDED_BYTES and base64.b64encode(data).decode() == standard
