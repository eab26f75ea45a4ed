"""Directions of a generator that are found without examples: SeFa and GANSpace.

SeFa: Shen and Zhou, "Closed-form factorization of latent semantics in GANs" (arXiv 2007.06600):
the eigenvectors of AᵀA, where A are the first weights. GANSpace: Härkönen, Hertzmann, Lehtinen,
Paris, "GANSpace: discovering interpretable GAN controls" (arXiv 2004.02546): the principal
components of the first feature maps of many latents, each regressed to a latent.

Both read the ONNX file that is served, in which BatchNorm is folded into the first weights.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from models.config import TrainingConfig
from models.directions.effects import (
    EFFECT_SEEDS,
    effect_of,
    latents_of_effect,
    moved_both_ways,
)
from models.directions.vectors import Precise, is_parallel, unit
from models.onnx_generator import LABELS, LATENTS, Labels, OnnxGenerator
from models.onnx_runtime import onnxruntime
from models.onnx_sessions import CPU, session_options
from models.samples import Pixels, Vector
from models.seeds import SEARCH_SEEDS, Latents, classes_from_seeds, latents_from_seeds

Method = Literal["ganspace", "sefa"]
Embed = Callable[[Pixels], NDArray[np.float32]]  # (N, H, W, C) uint8 -> (N, F)

BASIS_SAMPLES = 1024  # whose feature maps define the principal components
REGRESSED_SAMPLES = 4096  # whose latents are regressed to the components
BATCH = 64
# The output of the first activation, or of r3gan's first residual block.
FEATURE_NODES = {"mlp": ("Relu", "LeakyRelu"), "dcgan": ("Relu", "LeakyRelu"), "r3gan": ("Add",)}


class FoundDirection(NamedTuple):
    """A direction, the family that it comes from, and how much it changes images."""

    method: Method
    vector: Vector
    effect: float


def find_directions(
    path: Path,
    embed: Embed,
    count: int,
    on_measured: Callable[[int, int], None],
    known: Sequence[Vector] = (),
) -> list[FoundDirection]:
    """The `count` directions with the largest effect, of an ONNX file that `onnx_writer` wrote.

    Directions that are parallel to a known one are left out. `on_measured` is called with the
    candidates measured so far, and their number. Raises OnnxFileError.
    """
    model, generator = onnx.load(path), OnnxGenerator(path, on_cpu=True)
    families: dict[Method, list[Vector]] = {
        "ganspace": ganspace(model, generator.config, count),
        "sefa": sefa(model, generator.config, count),
    }
    candidates = deduplicated(families, known)
    before = latents_of_effect(generator.config.latent_dim)
    labels = _labels(generator.config, EFFECT_SEEDS)

    def features(latents: Latents) -> NDArray[np.float32]:
        return embed(generator.generate(latents, labels))

    unmoved, found = features(before), []
    for index, (method, vector) in enumerate(candidates):
        on_measured(index, len(candidates))
        moved = [features(latents) for latents in moved_both_ways(before, vector)]
        found.append(FoundDirection(method, vector, effect_of(unmoved, moved)))
    on_measured(len(candidates), len(candidates))
    return sorted(found, key=lambda direction: -direction.effect)[:count]


def deduplicated(
    families: dict[Method, list[Vector]], known: Sequence[Vector] = ()
) -> list[tuple[Method, Vector]]:
    """The directions of all families in turn, without those that are parallel to an earlier one or
    to a known one."""
    longest = max(len(vectors) for vectors in families.values())
    kept: list[tuple[Method, Vector]] = []
    for index in range(longest):
        for method, vectors in families.items():
            earlier = [*known, *(vector for _, vector in kept)]
            if index < len(vectors) and not is_parallel(vectors[index], earlier):
                kept.append((method, vectors[index]))
    return kept


def sefa(model: ModelProto, config: TrainingConfig, count: int) -> list[Vector]:
    """The latents' directions that the first weights enlarge most, the strongest first."""
    weights = _first_weights(model, config)  # (D, M)
    _, vectors = np.linalg.eigh(weights @ weights.T)
    return [_with_sign(vector) for vector in vectors.T[::-1][:count]]


def ganspace(model: ModelProto, config: TrainingConfig, count: int) -> list[Vector]:
    """The latents that move the first feature maps along their principal components."""
    seeds = SEARCH_SEEDS[: BASIS_SAMPLES + REGRESSED_SAMPLES]
    latents = latents_from_seeds(seeds, config.latent_dim)
    labels = _labels(config, seeds)
    features = _Features(model, config)
    first = np.concatenate(
        list(features(latents[:BASIS_SAMPLES], None if labels is None else labels[:BASIS_SAMPLES]))
    )
    mean = first.mean(0)
    first -= mean
    # The components of N samples of M values from the N × N products: M may be many thousands.
    values, vectors = np.linalg.eigh((first @ first.T).astype(np.float64))
    strongest = [index for index in range(-1, -1 - count, -1) if values[index] > 1e-9 * values[-1]]
    basis = first.T @ (vectors[:, strongest] / np.sqrt(values[strongest])).astype(np.float32)
    rest = latents[BASIS_SAMPLES:]
    batches = features(rest, None if labels is None else labels[BASIS_SAMPLES:])
    coordinates = np.concatenate([(batch - mean) @ basis for batch in batches])  # (N, K)
    regressed, *_ = np.linalg.lstsq(coordinates.astype(np.float64), rest.astype(np.float64))
    return [_with_sign(row) for row in regressed]


class _Features:
    """Computes the first feature maps of latents, in batches of (BATCH, M)."""

    def __init__(self, model: ModelProto, config: TrainingConfig) -> None:
        operators = FEATURE_NODES[config.architecture]
        nodes = model.graph.node
        last = next(index for index, node in enumerate(nodes) if node.op_type in operators)
        truncated = ModelProto()
        truncated.CopyFrom(model)
        graph = truncated.graph
        # ONNX Runtime also computes nodes that contribute to no output.
        del graph.node[last + 1 :]
        used = {name for node in graph.node for name in node.input}
        weights = [tensor for tensor in graph.initializer if tensor.name in used]
        del graph.initializer[:], graph.output[:]
        graph.initializer.extend(weights)
        output = helper.make_tensor_value_info(nodes[last].output[0], TensorProto.FLOAT, None)
        graph.output.append(output)
        self._session = onnxruntime.InferenceSession(
            truncated.SerializeToString(), session_options(), providers=[CPU]
        )

    def __call__(self, latents: Latents, labels: Labels | None) -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(latents), BATCH):
            inputs: dict[str, NDArray[Any]] = {LATENTS: latents[start : start + BATCH]}
            if labels is not None:
                inputs[LABELS] = labels[start : start + BATCH]
            (features,) = self._session.run(None, inputs)
            yield features.reshape(len(features), -1)


def _first_weights(model: ModelProto, config: TrainingConfig) -> Precise:
    """(D, M): what the first layer multiplies the latents with; the rows of classes left out."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}

    def constant(node: NodeProto) -> Precise:
        name = next(name for name in node.input if name in tensors)
        return numpy_helper.to_array(tensors[name]).astype(np.float64)

    dense = next(node for node in model.graph.node if node.op_type == "Gemm")
    weights = constant(dense)[: config.latent_dim]
    if config.architecture == "r3gan":  # each value scales a learnt feature map
        scaling = next(node for node in model.graph.node if node.op_type == "Mul")
        weights = weights * np.sqrt(np.square(constant(scaling)).sum((1, 2)))
    return weights


def _labels(config: TrainingConfig, seeds: range) -> Labels | None:
    return classes_from_seeds(seeds, len(config.classes)) if config.classes else None


def _with_sign(vector: Precise) -> Vector:
    """Unit length; an eigenvector's sign is arbitrary, and here its largest value is positive."""
    return unit(vector * np.sign(vector[np.abs(vector).argmax()]))
