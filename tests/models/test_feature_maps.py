"""The layers of a generator: they are read from its file, and their maps are what it computes."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from benchmarks.harness.random_models import onnx_bytes
from models.config import TrainingConfig
from models.feature_maps import maps_as_grey
from models.onnx_generator import OnnxFileError, OnnxGenerator
from models.onnx_wire import read_layers, with_outputs
from models.samples import Sample

CLASSES = {"classes": ("tabby", "tux"), "conditional": True}
NETWORKS: dict[str, dict[str, Any]] = {
    "dcgan": {"shape": (64, 64, 3), "width": 8},
    "dcgan with classes": {"shape": (48, 80, 4), "width": 8, **CLASSES},
    "dcgan with skips": {"shape": (32, 32, 3), "width": 8, "skip_outputs": True},
    "mlp": {"architecture": "mlp", "shape": (28, 28, 1), "width": 16},
    "r3gan": {"architecture": "r3gan", "shape": (28, 28, 1), "width": 8, "max_width": 32},
}


@pytest.fixture(params=NETWORKS)
def model(request: pytest.FixtureRequest) -> bytes:
    return onnx_bytes(TrainingConfig(**NETWORKS[request.param]), 1)


def test_the_layers_are_those_that_the_package_onnx_reads(model: bytes) -> None:
    graph = onnx.load_from_string(model).graph
    sizes = {tensor.name: numpy_helper.to_array(tensor).size for tensor in graph.initializer}
    expected = [
        (node.op_type, sum(sizes.get(name, 0) for name in node.input))
        for node in graph.node
        if node.op_type in ("Gemm", "Conv", "ConvTranspose")
    ]
    assert [(layer.operator, layer.weights) for layer in read_layers(model)] == expected


def test_outputs_are_added_and_nothing_else_changes(model: bytes) -> None:
    names = [layer.output for layer in read_layers(model)]
    before = onnx.load_from_string(model)
    after = onnx.load_from_string(with_outputs(model, names))
    added = [output.name for output in after.graph.output[len(before.graph.output) :]]
    assert added == names
    del after.graph.output[len(before.graph.output) :]
    assert after == before


def test_a_dcgan_goes_from_the_latent_to_the_image_in_doubling_maps() -> None:
    generator = OnnxGenerator(onnx_bytes(TrainingConfig(**NETWORKS["dcgan"]), 1))
    layers = generator.layered().layers
    assert [layer.shape for layer in layers] == [
        (64, 4, 4),
        (32, 8, 8),
        (16, 16, 16),
        (8, 32, 32),
        (3, 64, 64),
    ]
    assert [layer.layer.activation for layer in layers] == ["Relu"] * 4 + ["Tanh"]


def test_the_maps_of_dense_layers_are_single_values_and_the_last_ones_make_the_image() -> None:
    generator = OnnxGenerator(onnx_bytes(TrainingConfig(**NETWORKS["mlp"]), 1))
    layers = generator.layered().layers
    assert [layer.shape for layer in layers] == [(16, 1, 1), (32, 1, 1), (64, 1, 1), (1, 28, 28)]
    assert [layer.layer.activation for layer in layers] == ["Relu"] * 3 + ["Tanh"]


def test_the_maps_of_the_last_layer_are_the_image(model: bytes) -> None:
    generator = OnnxGenerator(model)
    layered = generator.layered()
    sample = Sample(7, 1 if generator.conditional else None)
    (image,) = generator.render([sample])
    if layered.layers[-1].layer.activation == "Tanh" and image.shape[2] != 4:
        maps = layered.maps(len(layered.layers) - 1, generator.inputs_of(sample))
        pixels = np.rint((maps + 1) * 127.5).reshape(image.shape[2], *image.shape[:2])
        assert np.abs(pixels.transpose(1, 2, 0) - image).max() <= 1
    for index, layer in enumerate(layered.layers):
        assert layered.maps(index, generator.inputs_of(sample)).shape == layer.shape


def test_opened_layers_count_as_a_second_file(model: bytes) -> None:
    generator = OnnxGenerator(model)
    assert generator.bytes == len(model)
    assert generator.layered() is generator.layered()
    assert generator.bytes == 2 * len(model)


def test_a_file_that_is_gone_is_named_as_such(model: bytes, tmp_path: Any) -> None:
    path = tmp_path / "generator.onnx"
    path.write_bytes(model)
    generator = OnnxGenerator(path)
    path.unlink()
    with pytest.raises(OnnxFileError, match="layers that cannot be read"):
        generator.layered()


@pytest.mark.parametrize("broken", [b"\x3a\x7f", b"\x3a", b"\xff" * 12, b"\x0f\x01"])
def test_bytes_that_are_no_onnx_file_are_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match=r"longer|no end|unknown"):
        read_layers(broken)


def test_maps_are_grey_on_the_scale_of_their_layer() -> None:
    positive = np.array([[[0.0, 1.0]], [[2.0, 4.0]]], np.float32)
    assert maps_as_grey(positive).flatten().tolist() == pytest.approx([0, 64, 128, 255], abs=2)
    signed = np.array([[[-1.0, 0.0, 1.0]]], np.float32)
    assert maps_as_grey(signed).flatten().tolist() == pytest.approx([0, 128, 255], abs=1)
    assert maps_as_grey(np.zeros((1, 2, 2), np.float32)).max() == 0


def test_the_first_maps_are_on_the_scale_of_all_and_nan_is_black() -> None:
    maps = np.stack([np.full((2, 2), value, np.float32) for value in (1, 2, 4)])
    assert np.array_equal(maps_as_grey(maps, 2), maps_as_grey(maps)[:2])
    maps[0, 0, 0] = np.nan
    assert maps_as_grey(maps)[0, 0, 0] == 0
