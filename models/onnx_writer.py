"""Writes a generator as an ONNX file, which serves its images without torch.

Inputs are `latents` (N, latent_dim) float32 and, where there are classes, `labels` (N,) int64. The
output is `images` (N, H, W, C) uint8. N is free. `models.onnx_generator` reads the file.
"""

import copy
import json
from pathlib import Path

import numpy as np
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper

from models.config import TrainingConfig
from models.durable_files import write_durably
from models.networks.network import Generator
from models.onnx_generator import (
    CHECKPOINT_KEY,
    CLASSES_KEY,
    CONFIG_KEY,
    IMAGES,
    IMAGES_SEEN_KEY,
    LABELS,
    LATENTS,
    LICENCE,
    LICENCE_KEY,
    OnnxGenerator,
)
from models.onnx_graph import Graph
from models.onnx_layers import add_generator, add_inputs, add_pixels
from models.rendering import to_uint8
from models.samples import Pixels
from models.seeds import CHECK_SEEDS, latents_from_seeds

OPSET, IR_VERSION = 17, 8  # old enough for every runtime that has Resize and uint8 outputs
CHECKED_IMAGES = 8  # of each file when it is written
CHECKED_IMAGES_OF_LARGE = 2  # r3gan at its published widths takes seconds for each image
LARGE_BYTES = 64 << 20
MAX_DIFFERENCE = 1  # levels of 255
MIN_EQUAL_SHARE = 0.999  # of the pixels


class ExportError(ValueError):
    """The generator has no ONNX file: its weights overflow, a variance is negative, or the file's
    images differ."""


def write_onnx(
    path: Path,
    generator: Generator,
    config: TrainingConfig,
    images_seen: int,
    checkpoint_sha256: str,
) -> None:
    """Write `export_generator`'s file, whole or not at all. Raises ExportError."""
    write_durably(path, export_generator(generator, config, images_seen, checkpoint_sha256))


@torch.inference_mode()
def export_generator(
    generator: Generator, config: TrainingConfig, images_seen: int, checkpoint_sha256: str
) -> bytes:
    """The ONNX file of a generator in eval mode; the same weights give the same bytes.

    `checkpoint_sha256` is the hash of the safetensors file that holds the weights. Before the file
    is returned, ONNX Runtime and the generator make the same images with it, and ExportError is
    raised where they differ by more than a level or in more than one pixel of a thousand.
    """
    for name, buffer in generator.named_buffers():
        if name.endswith("running_var") and (buffer < 0).any():
            raise ExportError(
                f"{name} of the generator has a negative value at {images_seen:,} images seen: a "
                "variance is at least 0"
            )
    graph = Graph()
    inputs = add_inputs(generator, graph, LATENTS, LABELS)
    images = add_generator(generator, graph, inputs)
    add_pixels(graph, images, config.channels, IMAGES)
    for weight in graph.weights:
        if not np.isfinite(numpy_helper.to_array(weight)).all():
            raise ExportError(
                f"{weight.name} of the ONNX file is not finite at {images_seen:,} images seen: a "
                "weight is too large to be multiplied with its BatchNorm"
            )
    model = _model(graph, config)
    metadata = {
        CONFIG_KEY: json.dumps(config.to_json(), sort_keys=True),
        CLASSES_KEY: json.dumps(list(config.classes)),
        IMAGES_SEEN_KEY: str(images_seen),
        CHECKPOINT_KEY: checkpoint_sha256,
        LICENCE_KEY: LICENCE,
    }
    helper.set_model_props(model, metadata)
    data: bytes = model.SerializeToString(deterministic=True)
    _check_parity(data, generator, config)
    return data


def _model(graph: Graph, config: TrainingConfig) -> ModelProto:
    inputs = [
        helper.make_tensor_value_info(LATENTS, TensorProto.FLOAT, ["N", config.latent_dim]),
        helper.make_tensor_value_info(LABELS, TensorProto.INT64, ["N"]),
    ]
    output = helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, ["N", *config.shape])
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "generator",
            inputs if config.classes else inputs[:1],
            [output],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="moggy",
    )


def _check_parity(data: bytes, generator: Generator, config: TrainingConfig) -> None:
    """Raise ExportError unless both runtimes make the same images, up to rounding."""
    count = CHECKED_IMAGES if len(data) < LARGE_BYTES else CHECKED_IMAGES_OF_LARGE
    latents = latents_from_seeds(CHECK_SEEDS[:count], config.latent_dim)
    labels = np.arange(count, dtype=np.int64) % len(config.classes) if config.classes else None
    exported = OnnxGenerator(data, on_cpu=True).generate(latents, labels)
    reference = copy.deepcopy(generator).cpu().eval()
    own = reference(torch.from_numpy(latents), None if labels is None else torch.from_numpy(labels))
    compare_pixels(exported, to_uint8(own).numpy())


def compare_pixels(exported: Pixels, own: Pixels) -> None:
    """Raise ExportError where (N, H, W, C) images differ by more than rounding explains."""
    difference = np.abs(exported.astype(np.int16) - own)
    if own.shape[3] == 4:
        # Where the alpha is 0, the file's pixels have no colour, and rounding decides where it is.
        difference[..., :3] *= (exported[..., 3:] > 0) & (own[..., 3:] > 0)
    difference = difference.max(-1)
    equal_share = float((difference == 0).mean())
    if difference.max() > MAX_DIFFERENCE or equal_share < MIN_EQUAL_SHARE:
        raise ExportError(
            "the images of the ONNX file are not those of the generator: "
            f"{equal_share:.2%} of the pixels are equal (at least {MIN_EQUAL_SHARE:.1%} must be), "
            f"and the largest difference is {difference.max()} levels (at most {MAX_DIFFERENCE})"
        )
