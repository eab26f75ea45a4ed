"""Bodies that are JSON or a form: what cannot be parsed is refused with the reason."""

import pytest
from api import Api

from app.domain.errors import InvalidRequest
from app.routes.protocol.json_forms import parse_fields

NESTED = "[" * 16_000
CALLS = ("/v1/models/cats/directions", "/v1/models/cats/search")


def test_the_json_of_a_field_takes_the_place_of_its_text() -> None:
    fields = {"latent": '{"seed": 7}', "name": "[7]"}
    assert parse_fields(fields, ["latent", "weights"]) == {"latent": {"seed": 7}, "name": "[7]"}


@pytest.mark.parametrize("text", ["{", NESTED, "9" * 5000])
def test_a_field_that_is_not_json_is_named(text: str) -> None:
    with pytest.raises(InvalidRequest, match="form field latent is not JSON") as refused:
        parse_fields({"latent": text}, ["latent"])
    assert refused.value.field == "latent"


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("body", ["", "{", "[" * 100_000, "9" * 5000])
def test_a_body_that_is_not_json_is_refused(shared_api: Api, path: str, body: str) -> None:
    json = {"Content-Type": "application/json"}
    answer = shared_api.client.post(path, content=body, headers=json)
    assert answer.status_code == 422
    assert "the body is neither JSON nor a form" in answer.json()["detail"]
