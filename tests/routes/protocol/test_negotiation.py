"""`Accept` and `Accept-Encoding` by RFC 9110."""

import pytest

from app.domain.errors import NotAcceptable
from app.routes.protocol.negotiation import accepts_coding, choose_media_type

OFFERED = ("image/png", "image/webp", "image/jpeg", "image/avif")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "image/png"),
        ("", "image/png"),
        ("*/*", "image/png"),
        ("image/*", "image/png"),
        ("image/jpeg", "image/jpeg"),
        ("IMAGE/JPEG ; q=0.1", "image/jpeg"),
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "image/webp"),
        ("image/avif,image/*;q=0.9", "image/avif"),
        ("image/avif;q=0.3,image/jpeg;q=0.7", "image/jpeg"),
        ("image/png;q=0,*/*", "image/webp"),
        ("image/png;q=0.2,image/*;q=0.5", "image/webp"),
        ("text/html,*/*;q=0.1", "image/png"),
        ("image/webp;q=much,image/jpeg;q=0.1", "image/jpeg"),
        ("image/webp;q=2,image/jpeg", "image/jpeg"),
        (",,image/jpeg,", "image/jpeg"),
    ],
)
def test_the_highest_weight_is_chosen_and_among_equals_the_named_type(
    accept: str | None, chosen: str
) -> None:
    assert choose_media_type(accept, OFFERED) == chosen


@pytest.mark.parametrize("accept", ["text/html", "image/gif", "*/*;q=0", "image/*;q=0", ";;,"])
def test_no_match_is_refused_with_the_offered_types(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="there are image/png, image/webp"):
        choose_media_type(accept, OFFERED)


@pytest.mark.parametrize(
    ("accept_encoding", "accepts"),
    [
        (None, False),
        ("", False),
        ("br", False),
        ("gzip", True),
        ("br, GZIP ;q=0.1", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=1.0, identity; q=0.5, *;q=0", True),
        ("gzip;q=0.5, identity", False),
        ("notgzip", False),
    ],
)
def test_a_coding_is_accepted_unless_its_weight_is_0_or_below_that_of_identity(
    accept_encoding: str | None, accepts: bool
) -> None:
    assert accepts_coding(accept_encoding, "gzip") is accepts
