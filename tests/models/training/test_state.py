"""A run that resumes from its state is the uninterrupted run, bit for bit."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from training_runs import PRECISIONS, step

from models.checkpoint import NotFiniteError
from models.config import TrainingConfig
from models.data import PackedDataset
from models.precision import Machine
from models.presets import PRESETS, resolve
from models.training.run import TrainingRun
from models.training.state import StateError, load_state, restore, save_state


def _state_bytes(run: TrainingRun, folder: Path) -> bytes:
    """The state file holds everything of a run: equal files mean equal runs."""
    save_state(folder / "compared.safetensors", run)
    return (folder / "compared.safetensors").read_bytes()


def test_a_run_that_resumes_halfway_is_the_same_run(
    tmp_path: Path, cats: Path, config: TrainingConfig, precise_machine: Machine
) -> None:
    dataset = PackedDataset(cats)
    whole = TrainingRun(config, dataset, precise_machine)
    expected = [step(whole) for _ in range(40)]  # more than two epochs

    first = TrainingRun(config, dataset, precise_machine)
    losses = [step(first) for _ in range(20)]
    save_state(tmp_path / "state.safetensors", first)
    state = load_state(tmp_path / "state.safetensors")
    torch.rand(5)
    second = TrainingRun(config, PackedDataset(cats), state.machine)
    restore(second, state)
    assert second.images_seen == 320
    losses += [step(second) for _ in range(20)]

    assert losses == expected
    assert _state_bytes(second, tmp_path) == _state_bytes(whole, tmp_path)


VARIANTS: dict[str, dict[str, Any]] = {
    "r3gan": {"schedule_images": 640, "augmentation_probability": 0.5},
    "wasserstein": {
        "loss": "wasserstein", "gradient_penalty": 10.0, "discriminator_steps": 3,
        "discriminator_normalisation": "none", "updates": "alternating", "penalty_every_steps": 2,
    },
    "hinge": {
        "loss": "hinge", "discriminator_normalisation": "spectral",
        "augmentation": "colour,translation,cutout", "horizontal_flip": True,
        "held_out_share": 0.1, "stability": "auto", "skip_outputs": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", [*PRESETS, "wasserstein", "hinge", "conditional"])
def test_every_preset_resumes_bit_for_bit(
    tmp_path: Path, cats: Path, machine: Machine, name: str, precision: str
) -> None:
    preset = name if name in PRESETS else "dcgan"
    small = {"width": 8, "batch_size": 8, "images": 64}
    if preset == "r3gan":
        small["max_width"] = 16
    shutil.copy(cats / "images.npy", tmp_path)
    np.save(tmp_path / "labels.npy", np.arange(300, dtype=np.int64) % 2)
    conditional = {"conditional": True} if name == "conditional" else {}
    config = resolve(
        preset,
        shape=(64, 64, 3),
        classes=("a", "b"),
        overrides=small | VARIANTS.get(name, {}) | conditional,
    )
    machine = replace(machine, precision=precision)
    whole, first, second = (TrainingRun(config, PackedDataset(tmp_path), machine) for _ in range(3))
    expected = [step(whole) for _ in range(6)]
    losses = [step(first) for _ in range(3)]
    save_state(tmp_path / "state.safetensors", first)
    restore(second, load_state(tmp_path / "state.safetensors"))
    losses += [step(second) for _ in range(3)]
    assert losses == expected
    assert _state_bytes(second, tmp_path) == _state_bytes(whole, tmp_path)


def test_a_state_with_a_weight_that_is_not_finite_is_not_written(
    tmp_path: Path, new_run: TrainingRun
) -> None:
    with torch.no_grad():
        next(new_run.gan.generator.parameters())[0] = float("nan")
    with pytest.raises(NotFiniteError, match=r"generator\.layers\.0\.weight is not finite at 0"):
        save_state(tmp_path / "state.safetensors", new_run)
    assert not (tmp_path / "state.safetensors").exists()


def test_the_state_of_a_new_run_can_be_resumed(
    tmp_path: Path, cats: Path, new_run: TrainingRun, config: TrainingConfig, machine: Machine
) -> None:
    save_state(tmp_path / "state.safetensors", new_run)
    other = TrainingRun(config, PackedDataset(cats), machine)
    restore(other, load_state(tmp_path / "state.safetensors"))
    assert [step(other) for _ in range(2)] == [step(new_run) for _ in range(2)]


def test_writing_a_state_does_not_change_the_run(
    tmp_path: Path, cats: Path, new_run: TrainingRun, config: TrainingConfig, machine: Machine
) -> None:
    watched, alone = new_run, TrainingRun(config, PackedDataset(cats), machine)
    for _ in range(4):
        save_state(tmp_path / "state.safetensors", watched)
        assert step(watched) == step(alone)


def test_a_resumed_run_may_have_more_images_but_no_other_width(
    tmp_path: Path, cats: Path, new_run: TrainingRun, config: TrainingConfig, machine: Machine
) -> None:
    save_state(tmp_path / "state.safetensors", new_run)
    state = load_state(tmp_path / "state.safetensors")
    restore(TrainingRun(replace(config, images=9999), PackedDataset(cats), machine), state)
    other = TrainingRun(replace(config, width=16), PackedDataset(cats), machine)
    with pytest.raises(StateError, match="width is 16, but the training state has 8"):
        restore(other, state)


def test_another_dataset_is_refused(
    tmp_path: Path, new_run: TrainingRun, config: TrainingConfig, cats: Path, machine: Machine
) -> None:
    save_state(tmp_path / "state.safetensors", new_run)
    np.save(tmp_path / "images.npy", np.load(cats / "images.npy")[:100])
    fewer = PackedDataset(tmp_path)
    with pytest.raises(StateError, match="100 pictures, but the training state was saved with 300"):
        restore(TrainingRun(config, fewer, machine), load_state(tmp_path / "state.safetensors"))


@pytest.mark.parametrize("kind", ["garbage", "truncated", "foreign", "missing", "gutted"])
def test_a_broken_state_is_named(tmp_path: Path, new_run: TrainingRun, kind: str) -> None:
    path = tmp_path / "state.safetensors"
    save_state(path, new_run)
    if kind == "garbage":
        path.write_bytes(b"\x80\x04 not a safetensors file")
    elif kind == "truncated":
        path.write_bytes(path.read_bytes()[:-1000])
    elif kind == "foreign":
        save_file({"a": torch.zeros(2)}, path)
    elif kind == "missing":
        path.unlink()
    if kind == "gutted":
        state = load_state(path)
        del state.tensors["generator.layers.0.weight"]
        with pytest.raises(StateError, match="does not fit its own description"):
            restore(new_run, state)
    else:
        with pytest.raises(StateError, match=r"state\.safetensors"):
            load_state(path)
