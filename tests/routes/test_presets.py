"""The preset table over HTTP."""

from fastapi.testclient import TestClient


def test_each_preset_shows_its_config_its_parameters_and_what_may_be_overridden(
    client: TestClient,
) -> None:
    body = client.get("/v1/presets").json()
    presets = {preset["name"]: preset for preset in body["items"]}
    assert list(presets) == ["mlp", "mlp-relu", "dcgan", "dcgan-paper", "small-data", "r3gan"]
    assert [name for name, preset in presets.items() if preset["default"]] == ["small-data"]
    for preset in presets.values():
        assert all(count > 100_000 for count in preset["parameters"].values())
        assert "shape" not in preset["overrides"]
    dcgan = presets["dcgan"]
    assert dcgan["parameters"] == {"generator": 1_100_224, "discriminator": 694_656}
    assert (dcgan["config"]["images"], dcgan["config"]["shape"]) == (750_000, [64, 64, 3])
    assert dcgan["overrides"]["width"] == {
        "type": "integer",
        "minimum": 8,
        "maximum": 256,
        "default": 32,
    }
