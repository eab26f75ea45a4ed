"""The presets: configuration, parameters, overrides."""

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


def test_the_defaults_of_a_preset_are_what_a_training_with_it_takes(
    client: TestClient, cats: str
) -> None:
    """The dataset has the native shape of these presets."""
    presets = client.get("/v1/presets").json()["items"]
    native = {preset["name"]: preset for preset in presets if preset["config"]["shape"][0] == 64}
    assert list(native) == ["dcgan", "dcgan-paper", "small-data", "r3gan"]
    for name, preset in native.items():
        job = client.post("/v1/jobs", json={"dataset": "cats", "model": "m", "preset": name}).json()
        defaults = {field: schema["default"] for field, schema in preset["overrides"].items()}
        # This dataset does not tell whether mirroring is harmless: its pictures are not mirrored.
        assert defaults == {
            field: preset["config"][field] if field == "horizontal_flip" else job["config"][field]
            for field in defaults
        }
    assert {preset["overrides"]["batch_size"]["default"] for preset in presets} >= {32, 128, 256}
    assert presets[0]["overrides"]["images"]["default"] == 960_000


def test_a_preset_offers_no_override_that_its_networks_do_not_have(client: TestClient) -> None:
    presets = {
        preset["name"]: preset["overrides"] for preset in client.get("/v1/presets").json()["items"]
    }
    assert "max_width" not in presets["mlp"]
    assert "max_width" in presets["dcgan"]
    assert "generator_normalisation" not in presets["r3gan"]
