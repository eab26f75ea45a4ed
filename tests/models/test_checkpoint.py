"""A checkpoint comes back as it was; anything else is refused with its reason."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.checkpoint import (
    CheckpointError,
    NotFiniteError,
    load_generator,
    load_weights,
    save_checkpoint,
)
from models.checkpoint_header import KIND
from models.config import TrainingConfig
from models.data import PackedDataset
from models.precision import Machine
from models.ranges import ConfigError
from models.training.run import TrainingRun


@pytest.fixture
def checkpoint(tmp_path: Path, new_run: TrainingRun) -> Path:
    new_run.step()
    path = tmp_path / "16.safetensors"
    _save(path, new_run)
    return path


def _save(path: Path, run: TrainingRun) -> None:
    discriminator = run.gan.discriminator
    save_checkpoint(path, run.served_generator(), discriminator, run.config, run.images_seen)


def _metadata(config: TrainingConfig, changes: dict[str, object] | None = None) -> dict[str, str]:
    description = {"kind": KIND, "config": config.to_json(), "images_seen": 16}
    return {"moggy": json.dumps(description | (changes or {}))}


def test_a_checkpoint_gives_the_same_pictures(checkpoint: Path, new_run: TrainingRun) -> None:
    loaded = load_generator(checkpoint)
    assert (loaded.config, loaded.images_seen) == (new_run.config, 16)
    assert not loaded.generator.training
    assert not any(parameter.requires_grad for parameter in loaded.generator.parameters())
    served, latents = new_run.served_generator(), torch.randn(4, 100)
    for name, tensor in served.state_dict().items():
        assert torch.equal(tensor, loaded.generator.state_dict()[name])
    torch.testing.assert_close(loaded.generator(latents), served(latents))


def block_weights(run: TrainingRun) -> list[torch.Tensor]:
    """The weight of the first layer of each block of the discriminator."""
    return [block.get_parameter("0.weight") for block in run.gan.discriminator.blocks()]


def test_both_networks_can_be_trained_on_from_a_checkpoint(
    checkpoint: Path, new_run: TrainingRun, cats: Path
) -> None:
    config = replace(new_run.config, seed=77, frozen_discriminator_layers=2)
    start = load_weights(checkpoint)
    run = TrainingRun(config, PackedDataset(cats), new_run.machine, start=start)
    blocks = [weight.clone() for weight in block_weights(run)]
    expected = block_weights(new_run)
    assert all(torch.equal(one, other) for one, other in zip(blocks, expected, strict=True))
    run.step()
    moved = [
        not torch.equal(before, weight)
        for before, weight in zip(blocks, block_weights(run), strict=True)
    ]
    assert moved == [False, False, True, True]


def test_weights_that_are_no_numbers_are_not_written(tmp_path: Path, new_run: TrainingRun) -> None:
    with torch.no_grad():
        next(new_run.average.generator.parameters())[0] = float("nan")
    with pytest.raises(NotFiniteError, match=r"layers\.0\.weight is not finite at 0 images seen"):
        _save(tmp_path / "0.safetensors", new_run)
    assert not (tmp_path / "0.safetensors").exists()


def test_a_checkpoint_without_its_discriminator_only_serves(
    checkpoint: Path, config: TrainingConfig
) -> None:
    tensors = {
        name: one
        for name, one in load_file(checkpoint).items()
        if not name.startswith("discriminator.")
    }
    save_file(tensors, checkpoint, _metadata(config))
    assert load_generator(checkpoint).images_seen == 16
    with pytest.raises(CheckpointError, match="has no discriminator"):
        load_weights(checkpoint)


def test_more_layers_than_there_are_cannot_be_frozen(
    config: TrainingConfig, cats: Path, machine: Machine
) -> None:
    with pytest.raises(ConfigError, match="frozen_discriminator_layers 5 is more than"):
        TrainingRun(replace(config, frozen_discriminator_layers=5), PackedDataset(cats), machine)


def test_loading_draws_no_random_numbers(checkpoint: Path) -> None:
    before = torch.get_rng_state()
    load_generator(checkpoint)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("length", [0, 4, 100, -100])
def test_a_truncated_file_is_refused(checkpoint: Path, length: int) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=r"16\.safetensors cannot be read as a checkpoint"):
        load_generator(checkpoint)


def test_garbage_a_folder_and_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pickle").write_bytes(b"\x80\x04\x95" + bytes(100))
    for path in (tmp_path / "pickle", tmp_path, tmp_path / "absent"):
        with pytest.raises(CheckpointError, match="cannot be read as a checkpoint"):
            load_generator(path)


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="is not a checkpoint of this program"):
        load_generator(tmp_path / "foreign.safetensors")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "training state"}, "is a training state, not a checkpoint"),
        ({"config": {"width": 7}}, "width 7 is out of range"),
        ({"config": []}, "broken description"),
        ({"images_seen": "many"}, "broken description"),
        ({"images_seen": None}, "broken description"),
        ({"config": {"width": 16}}, "does not fit its own description"),
        ({"config": {"width": 8, "shape": [32, 32, 3]}}, "does not fit its own description"),
    ],
)
def test_a_false_description_is_refused(
    checkpoint: Path, config: TrainingConfig, changes: dict[str, object], message: str
) -> None:
    save_file(load_file(checkpoint), checkpoint, _metadata(config, changes))
    with pytest.raises(CheckpointError, match=message):
        load_generator(checkpoint)


def test_the_same_checkpoint_is_the_same_bytes(tmp_path: Path, new_run: TrainingRun) -> None:
    paths = [tmp_path / f"{copy}.safetensors" for copy in range(8)]
    for path in paths:
        _save(path, new_run)
    assert len({path.read_bytes() for path in paths}) == 1


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_weights_of_16_bits_are_widened_exactly(
    checkpoint: Path, config: TrainingConfig, half: torch.dtype
) -> None:
    rounded = {
        name: tensor.to(half) if tensor.is_floating_point() else tensor
        for name, tensor in load_file(checkpoint).items()
    }
    save_file(rounded, checkpoint, _metadata(config))
    generator = load_generator(checkpoint).generator.state_dict()
    weights = load_weights(checkpoint)
    assert weights.discriminator
    for name, tensor in generator.items():
        assert torch.equal(tensor, rounded[name].to(tensor.dtype))
        assert torch.equal(weights.generator[name], tensor)
    assert {tensor.dtype for tensor in generator.values()} <= {torch.float32, torch.int64}


@pytest.mark.parametrize("bad", [torch.float64, "nan"])
def test_weights_that_are_not_finite_float32_are_refused(
    checkpoint: Path, config: TrainingConfig, bad: torch.dtype | str
) -> None:
    tensors = load_file(checkpoint)
    name = "layers.3.weight"
    tensors[name] = tensors[name] * float("nan") if bad == "nan" else tensors[name].to(bad)
    save_file(tensors, checkpoint, _metadata(config))
    with pytest.raises(CheckpointError, match=r"not finite float32: layers\.3\.weight"):
        load_generator(checkpoint)
