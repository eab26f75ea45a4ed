"""The tensors of a file are exactly those of the networks that it declares, or it is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
from weight_files import TINY, declaring, tiny_checkpoint, with_description, with_tensor, without

from models.checkpoint_header import read_checkpoint_header
from models.config import TrainingConfig
from models.tensor_check import TensorMismatch, check_tensors

LIMIT = 1 << 30


def check(tmp_path: Path, file: bytes, limit: int = LIMIT) -> None:
    path = tmp_path / "file"
    path.write_bytes(file)
    check_tensors(read_checkpoint_header(path), limit)


def refusal(tmp_path: Path, file: bytes, limit: int = LIMIT) -> str:
    with pytest.raises(TensorMismatch) as refused:
        check(tmp_path, file, limit)
    return str(refused.value)


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        TrainingConfig(width=8),
        replace(TINY, classes=("a", "b"), conditional=True),
        TrainingConfig(width=8, discriminator_normalisation="spectral"),
    ],
)
def test_a_checkpoint_as_a_training_writes_it_passes(
    tmp_path: Path, config: TrainingConfig
) -> None:
    file = tiny_checkpoint(config)
    check(tmp_path, file)
    check(tmp_path, without(file, "discriminator."))


def test_another_type_shape_or_name_is_refused_with_both(tmp_path: Path) -> None:
    file, name = tiny_checkpoint(), "layers.0.weight"
    assert refusal(tmp_path, with_tensor(file, name, "F32", [8, 9])) == (
        "has a tensor 'layers.0.weight' of F32 [8, 9], and the networks of its configuration "
        "have one of F32 [8, 8]"
    )
    for dtype in ("F64", "I32"):
        assert f"of {dtype} [8, 8]" in refusal(tmp_path, with_tensor(file, name, dtype, [8, 8]))
    assert "has no tensor 'layers.0.weight'" in refusal(tmp_path, without(file, name))
    extra = with_tensor(file, "layers.99.weight", "F32", [1])
    assert "has a tensor 'layers.99.weight' that the mlp networks" in refusal(tmp_path, extra)


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_weights_of_16_bits_pass(tmp_path: Path, dtype: str) -> None:
    check(tmp_path, with_tensor(tiny_checkpoint(), "layers.0.weight", dtype, [8, 8]))


def test_half_a_discriminator_is_refused(tmp_path: Path) -> None:
    file = without(tiny_checkpoint(), "discriminator.layers.0.weight")
    assert "has no tensor 'discriminator.layers.0.weight'" in refusal(tmp_path, file)


def test_a_configuration_of_another_architecture_is_refused(tmp_path: Path) -> None:
    other = TrainingConfig(width=8).to_json()
    detail = refusal(tmp_path, with_description(tiny_checkpoint(), config=other))
    assert "tensor 'layers.0." in detail


def test_the_largest_configuration_is_refused_by_its_size_before_anything_is_allocated(
    tmp_path: Path,
) -> None:
    largest = TrainingConfig(
        architecture="mlp", width=256, latent_dim=1024, shape=(256, 256, 4)
    ).to_json()
    detail = refusal(tmp_path, declaring(largest))
    assert "declares networks of 1," in detail
    assert "at most 1,073,741,824 are accepted (MOGGY_MAX_MODEL_BYTES)" in detail
