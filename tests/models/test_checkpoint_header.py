"""The header of a checkpoint file is read whole; one that anybody may have made is refused."""

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
from weight_files import TINY, declaring, join, split, tiny_checkpoint, with_description

from benchmarks.harness.random_models import onnx_bytes
from models.checkpoint_header import (
    MAX_HEADER_BYTES,
    CheckpointHeaderError,
    TensorHeader,
    plain_json,
    read_checkpoint_header,
)
from models.config import TrainingConfig


def read(tmp_path: Path, file: bytes) -> Any:
    path = tmp_path / "file"
    path.write_bytes(file)
    return read_checkpoint_header(path)


def refusal(tmp_path: Path, file: bytes) -> str:
    with pytest.raises(CheckpointHeaderError) as refused:
        read(tmp_path, file)
    return str(refused.value)


def test_the_header_of_a_checkpoint_names_its_configuration_and_tensors(tmp_path: Path) -> None:
    header = read(tmp_path, tiny_checkpoint())
    assert (header.config, header.images_seen, header.has_discriminator) == (TINY, 1000, True)
    assert header.tensors["layers.0.weight"] == TensorHeader("F32", (8, 8))


def test_what_is_no_safetensors_file_is_named_for_what_it_is(tmp_path: Path) -> None:
    assert "nothing is unpickled" in refusal(tmp_path, pickle.dumps({"weights": [0.0] * 9}))
    assert "only weights are imported" in refusal(tmp_path, onnx_bytes(TINY, 1))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a", "b")
    for other in (archive.getvalue(), b"a picture, perhaps", b"\0" * 64):
        assert "neither a safetensors file nor a zip" in refusal(tmp_path, other)
    for short in (b"", b"{}", b"\2\0\0\0\0\0\0\0"):
        assert "less than the header" in refusal(tmp_path, short)


def test_a_truncated_file_and_a_header_longer_than_the_file_are_refused(tmp_path: Path) -> None:
    file = tiny_checkpoint()
    header, data = split(file)
    for length in (2**24, 2**60, 2**63, 2**64 - 1):
        assert f"declares a header of {length:,} bytes" in refusal(
            tmp_path, join(header, data, length)
        )
    assert "declares a header" in refusal(tmp_path, file[:100])
    for size in (len(file) - 1, len(file) - len(data), len(file) - len(data) // 2):
        assert "not a valid safetensors file" in refusal(tmp_path, file[:size])
    assert "not a valid safetensors file" in refusal(tmp_path, file + b"more")


def test_a_header_of_megabytes_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    text = b'{"a":"' + b" " * MAX_HEADER_BYTES + b'"}'
    assert f"at most {MAX_HEADER_BYTES:,} are accepted" in refusal(tmp_path, join(text, b""))


@pytest.mark.parametrize(
    "tensor",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},  # 8 bytes in 4
        {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 8]},  # overflows to 0
        {"dtype": "F32", "shape": [2_500_000_000], "data_offsets": [0, 10_000_000_000]},
        {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},  # a gap in front
        {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]},
        {"dtype": "pickle", "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2]},
    ],
)
def test_a_tensor_that_its_bytes_contradict_is_refused(
    tmp_path: Path, tensor: dict[str, Any]
) -> None:
    header = json.loads(declaring(TINY.to_json())[8:])
    assert "not a valid safetensors file" in refusal(
        tmp_path, join(header | {"a": tensor}, bytes(8))
    )


def test_overlapping_tensors_are_refused(tmp_path: Path) -> None:
    header = json.loads(declaring(TINY.to_json())[8:])
    tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    file = join(header | {"a": tensor, "b": tensor}, bytes(8))
    assert "not a valid safetensors file" in refusal(tmp_path, file)


def test_a_header_that_is_no_json_object_is_refused(tmp_path: Path) -> None:
    for text in (b"{", b'{"a": 1}', b"{" * 100_000, b"{}"):
        assert refusal(tmp_path, join(text, b""))


def test_a_file_without_a_configuration_is_refused(tmp_path: Path) -> None:
    header, data = split(tiny_checkpoint())
    del header["__metadata__"]
    assert "Moggy did not write it" in refusal(tmp_path, join(header, data))
    state = with_description(tiny_checkpoint(), kind="training state")
    assert "is a 'training state' of Moggy, not a checkpoint" in refusal(tmp_path, state)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"width": 1 << 40}, "width 1099511627776"),
        ({"shape": [100_000, 100_000, 3]}, "shape 100000"),
        ({"shape": "large"}, "shape 'large'"),
        ({"architecture": "transformer"}, "architecture 'transformer'"),
        ({"unknown": 1}, "unknown 1 is not a field"),
        ({"classes": ["a", "a"], "conditional": True}, "contain a name twice"),
        ({"classes": ["a", ""], "conditional": True}, "1 to 255 characters"),
        ({"preset": "p" * 65}, "1 to 64 characters"),
        ({"preset": "\ud800"}, "surrogates"),
        ({"preset": "a\0b"}, "null character"),
    ],
)
def test_an_invalid_configuration_is_refused_with_its_field(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    assert reason in refusal(tmp_path, declaring(TINY.to_json() | changes))


@pytest.mark.parametrize("images_seen", [-1, 2**53, 1.5, "1", True, None])
def test_images_seen_must_be_a_count(tmp_path: Path, images_seen: Any) -> None:
    file = with_description(tiny_checkpoint(), images_seen=images_seen)
    assert "declares images_seen" in refusal(tmp_path, file)


@pytest.mark.parametrize("config", [None, [], "dcgan", {"shape": None}])
def test_a_configuration_of_another_type_is_refused(tmp_path: Path, config: Any) -> None:
    assert "config" in refusal(tmp_path, declaring(config))


def test_a_checkpoint_of_an_older_version_is_read(tmp_path: Path) -> None:
    values = TrainingConfig().to_json()
    del values["shape"]
    header = read(tmp_path, declaring(values | {"resolution": 64, "channels": 3}))
    assert header.config.shape == (64, 64, 3)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "NaN", "1e999", '"\\ud800"', '{"a\\u0000": 1}', b"\xff", "1" * 5000, ""]
)
def test_json_that_cannot_be_stored_and_sent_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # of several kinds
        plain_json(text)
