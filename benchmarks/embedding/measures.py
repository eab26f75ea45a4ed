"""The quality of the embedding on held-out images, and its speed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.embedding.datasets import LabelledImages, Split
from benchmarks.embedding.views import blur, jpeg, noise, view
from models.scoring.embedding import Embedder, Network, prepare, read_network
from models.scoring.metrics.frechet import FrechetReference, Moments, frechet_distances
from models.scoring.onnx_embedder import OnnxEmbedder

NEIGHBOURS = 20
LINEAR_STEPS = 300
NOISE_LEVELS = (0.0, 4.0, 8.0, 16.0, 32.0, 64.0)  # levels of 255
BLUR_SIGMAS = (0.0, 0.5, 1.0, 2.0, 4.0)  # pixels
Embed = Callable[[np.ndarray], np.ndarray]
SPEED_SHAPES = ((64, 64, 3), (28, 28, 1), (256, 256, 3))
SPEED_IMAGES = 1024
SPEED_REPEATS = 10


def measure(weights: Path, sources: dict[str, Split]) -> dict[str, Any]:
    """All figures of the network in `weights` by name, printed as they are measured.

    Its ONNX file lies beside `weights`.
    """
    embedder, onnx_embedder = Embedder(weights=weights), OnnxEmbedder(weights.with_suffix(".onnx"))
    figures: dict[str, Any] = {}
    for part in (
        accuracies(embedder, sources),
        instances(embedder, sources["cats"].held_out.images),
        distances(embedder, sources["cats"]),
        formats(
            {"apart_from_float32": embedder, "onnx_apart_from_float32": onnx_embedder},
            read_network(weights),
            sources["cats"].held_out.images,
        ),
        speeds({"": embedder, "onnx_": onnx_embedder}),
    ):
        for name, value in part.items():
            print(f"{name:40} {value}", flush=True)
        figures |= part
    return figures


def accuracies(embedder: Embedder, sources: dict[str, Split]) -> dict[str, float]:
    """Accuracies of a vote of the 20 nearest learnt images, and of a linear classifier."""
    figures = {}
    for name in ("cifar10", "mnist"):
        learnt, held_out = sources[name].learnt, sources[name].held_out
        learnt_features, held_out_features = (
            torch.from_numpy(embedder(part.images)) for part in (learnt, held_out)
        )
        voted = vote(learnt_features, torch.from_numpy(learnt.labels), held_out_features)
        answered = linear(learnt_features, torch.from_numpy(learnt.labels), held_out_features)
        figures[f"{name}_nearest"] = share(voted, held_out)
        figures[f"{name}_linear"] = share(answered, held_out)
    return figures


def share(answers: Tensor, held_out: LabelledImages) -> float:
    return round(float((answers.numpy() == held_out.labels).mean()), 4)


def vote(learnt_features: Tensor, labels: Tensor, held_out_features: Tensor) -> Tensor:
    """The commonest label (M,) among the NEIGHBOURS nearest of each."""
    parts = [
        (part @ learnt_features.T).topk(NEIGHBOURS).indices for part in held_out_features.split(500)
    ]
    return labels[torch.cat(parts)].mode(1).values


def linear(learnt_features: Tensor, labels: Tensor, held_out_features: Tensor) -> Tensor:
    """Labels (M,) by a logistic regression, trained on the full batch."""
    torch.manual_seed(0)
    classifier = torch.nn.Linear(learnt_features.shape[1], int(labels.max()) + 1)
    adam = torch.optim.Adam(classifier.parameters(), lr=0.1)
    for _ in range(LINEAR_STEPS):
        adam.zero_grad()
        F.cross_entropy(classifier(learnt_features * 10), labels).backward()
        adam.step()
    return classifier(held_out_features * 10).argmax(1).detach()


def instances(embedder: Embedder, images: np.ndarray) -> dict[str, Any]:
    """How often the nearest neighbour of a changed image is its original, and the distances.

    The distances are the 95th percentile from changed image to original, and the 5th and 50th from
    each original to its nearest other original.
    """
    torch.manual_seed(0)
    originals = embedder(images)
    between_originals = distances_between(originals, originals)
    np.fill_diagonal(between_originals, np.inf)
    figures: dict[str, Any] = {
        "nearest_other_p5_p50": [
            round(float(p), 3) for p in np.percentile(between_originals.min(1), (5, 50))
        ]
    }
    for name, changed in mild_changes(images).items():
        to_originals = distances_between(embedder(changed), originals)
        recall = float((to_originals.argmin(1) == np.arange(len(images))).mean())
        own = float(np.percentile(to_originals.diagonal(), 95))
        figures[f"recall_{name}"] = round(recall, 4)
        figures[f"distance_p95_{name}"] = round(own, 3)
    return figures


def distances_between(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(M, D), (N, D) of unit length -> (M, N) Euclidean distances."""
    return np.sqrt(np.maximum(2 - 2 * (some @ others.T), 0))


def mild_changes(images: np.ndarray) -> dict[str, np.ndarray]:
    """Changes that uploads and editors make to 64×64 RGB images, by name."""
    originals = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    cropped = F.interpolate(originals[:, :, 3:-3, 3:-3], images.shape[1], mode="bilinear")
    compressed = torch.stack([jpeg(image, 60) for image in originals])
    mirrors = torch.ones(len(originals), dtype=torch.bool)
    changed = {
        "crop_10_percent": cropped,
        "jpeg_60": compressed,
        "brightness_+15_percent": originals * 1.15,
        "half_size": F.interpolate(originals, scale_factor=0.5, mode="area"),
        "mirrored": originals.flip(3),
        "all_mild_at_random": view(originals, mirrors),
    }
    return {name: as_array(images) for name, images in changed.items()}


def distances(embedder: Embedder, cats: Split) -> dict[str, Any]:
    """Fréchet distances of held-out cats to as many learnt ones, by strength of distortion."""
    torch.manual_seed(0)
    originals = torch.from_numpy(cats.held_out.images).permute(0, 3, 1, 2).float()
    reference = FrechetReference.of(*weighed(embedder(cats.learnt.images[: len(originals)])))
    figures: dict[str, Any] = {}
    for name, change, strengths in (
        ("frechet_by_noise", lambda level: noise(originals, (level - 6) / 60), NOISE_LEVELS),
        ("frechet_by_blur", lambda sigma: blur(originals, (sigma - 0.8) / 3), BLUR_SIGMAS),
    ):
        row = {}
        for strength in strengths:
            changed = as_array(change(strength) if strength else originals)
            moments = Moments.of(*weighed(embedder(changed)))
            row[strength] = round(float(frechet_distances(reference, moments)), 4)
        figures[name] = row
    return figures


def weighed(features: np.ndarray) -> tuple[Tensor, Tensor]:
    """The features with a weight of one each."""
    return torch.from_numpy(features), torch.ones(1, len(features), dtype=torch.float64)


def as_array(images: Tensor) -> np.ndarray:
    """(N, C, H, W) of 0 to 255 -> (N, H, W, C) uint8"""
    return images.clamp(0, 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


@torch.inference_mode()
def formats(embedders: dict[str, Embed], network: Network, images: np.ndarray) -> dict[str, float]:
    """The largest distance of each from the features of the unfolded network in float32."""
    exact = network.eval()(prepare(images)).numpy()
    return {
        name: round(float(np.linalg.norm(exact - embed(images), axis=1).max()), 7)
        for name, embed in embedders.items()
    }


def speeds(embedders: dict[str, Embed]) -> dict[str, float]:
    """Images per second by shape, and milliseconds for one image, of each; the keys are prefixes.

    Torch computes in as many threads as it may use, ONNX Runtime in one.
    """
    generator = np.random.default_rng(0)
    figures: dict[str, float] = {}
    for shape in SPEED_SHAPES:
        images = generator.integers(0, 256, (SPEED_IMAGES, *shape), dtype=np.uint8)
        for name, embed in embedders.items():
            rate = SPEED_IMAGES / seconds(embed, images)
            figures[f"{name}images_per_second_" + "x".join(map(str, shape))] = round(rate)
    for name, embed in embedders.items():
        milliseconds = seconds(embed, images[:1, :64, :64]) * 1000
        figures[f"{name}milliseconds_for_one"] = round(milliseconds, 1)
    return figures


def seconds(embed: Embed, images: np.ndarray) -> float:
    """The shortest of SPEED_REPEATS calls: other work on the machine only lengthens them."""
    taken = []
    for _ in range(SPEED_REPEATS):
        start = time.perf_counter()
        embed(images)
        taken.append(time.perf_counter() - start)
    return min(taken)
