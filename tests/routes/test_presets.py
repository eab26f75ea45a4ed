"""The preset table over HTTP."""

from fastapi.testclient import TestClient


def test_each_preset_shows_its_config_its_parameters_and_what_may_be_overridden(
    client: TestClient,
) -> None:
    body = client.get("/v1/presets").json()
    (preset,) = body["items"]
    assert preset["name"] == "dcgan"
    assert preset["parameters"] == {"generator": 1_100_224, "discriminator": 694_656}
    assert preset["config"]["images"] == 750_000
    assert preset["overrides"]["width"] == {
        "type": "integer",
        "minimum": 8,
        "maximum": 256,
        "default": 32,
    }
    assert "resolution" not in preset["overrides"]
