"""Train the embedding that Moggy ships, and measure how good and how fast it is.

`python -m benchmarks.embedding` measures the installed weights; `--train` trains them anew first,
and writes their ONNX file.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.embedding.datasets import UNLABELLED, Split, read_sources
from benchmarks.embedding.measures import measure
from benchmarks.embedding.views import DISTORTIONS, distort, view
from benchmarks.harness import machine
from benchmarks.harness.machine import SHARED_DATA
from models.durable_files import write_durably
from models.precision import native_bfloat16
from models.resources import keep_freed_memory
from models.scoring.embedding import KIND, WEIGHTS, Embedder, Network, prepare
from models.scoring.embedding_definition import FEATURES
from models.scoring.export import embedding_onnx
from models.tensor_files import write_tensors

CLASSES = 20  # of CIFAR-10 and of MNIST
TEMPERATURE = 0.15
SHARPNESS = 10.0  # of class logits: features have length one
SAVE_EVERY = 50  # steps
RECIPE: dict[str, Any] = {
    "batch": {"cifar10": 64, "cats": 48, "mnist": 16},  # images, each as two views
    "distorted": 32,  # additional copies of CIFAR-10 and cats, which count as other images
    "peak_rate": 2e-3,
    "average": 0.99,  # of weights and statistics, over the steps
    "weight_decay": 0.02,
    "kind_weight": 0.3,
    "seed": 0,
}


class Heads(nn.Module):
    """Classifiers on the features: the class of an image, and its kind of distortion."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = nn.Linear(FEATURES, CLASSES)
        self.kinds = nn.Linear(FEATURES, 1 + len(DISTORTIONS))


def main() -> None:
    arguments = parse_arguments()
    # On a busy machine, threads wait for each other in the backward pass in bfloat16.
    torch.set_num_threads(arguments.threads)
    print(f"machine: {machine.describe()}, {torch.get_num_threads()} threads")
    keep_freed_memory()
    sources = read_sources(SHARED_DATA)
    if arguments.train:
        network, description = train(sources, arguments.steps, arguments.out)
        write_onnx(arguments.out)
        figures = measure(arguments.out, sources)
        save(arguments.out, network, description | {"measured": figures})
        write_onnx(arguments.out)  # again: it holds the hash of the weights file
    else:
        measure(arguments.out, sources)
    print(f"{Embedder(weights=arguments.out).name}, {arguments.out.stat().st_size:,} bytes")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    return parser.parse_args()


def write_onnx(weights: Path) -> None:
    """Write the ONNX file beside the weights."""
    write_durably(weights.with_suffix(".onnx"), embedding_onnx(weights))


def train(sources: dict[str, Split], steps: int, out: Path) -> tuple[Network, dict[str, Any]]:
    """Train on instances, classes and kinds of distortion; save to `out` every SAVE_EVERY steps."""
    torch.manual_seed(RECIPE["seed"])
    generator = np.random.default_rng(RECIPE["seed"])
    network = Network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    heads = Heads()
    weights = [*network.parameters(), *heads.parameters()]
    adam = torch.optim.AdamW(weights, weight_decay=RECIPE["weight_decay"])
    rates = torch.optim.lr_scheduler.OneCycleLR(
        adam, RECIPE["peak_rate"], total_steps=steps, pct_start=0.15
    )
    average = AveragedModel(
        network, multi_avg_fn=get_ema_multi_avg_fn(RECIPE["average"]), use_buffers=True
    )
    averaged = average.module
    assert isinstance(averaged, Network)
    bfloat16 = native_bfloat16(torch.device("cpu"))
    start = time.perf_counter()
    for step in range(1, steps + 1):
        images, labels, kinds, mirrored = draw(sources, generator)
        views = torch.cat([view(images, mirrored) for _ in range(2)])
        views = views.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            features = network(views)
        losses = objectives(features.float(), heads, labels.repeat(2), kinds.repeat(2))
        adam.zero_grad()
        total = losses["instances"] + losses["classes"] + RECIPE["kind_weight"] * losses["kinds"]
        total.backward()
        adam.step()
        rates.step()
        average.update_parameters(network)
        if step % SAVE_EVERY == 0 or step == steps:
            seconds = round(time.perf_counter() - start)
            description = {"recipe": RECIPE | {"steps": steps}, "step": step, "seconds": seconds}
            save(out, averaged, description)
            shown = ", ".join(f"{name} {loss.item():.3f}" for name, loss in losses.items())
            print(f"{step}/{steps} {seconds} s: {shown}", flush=True)
    return averaged.eval(), description


def draw(
    sources: dict[str, Split], generator: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images (B, 3, 64, 64), and for each its class, distortion, and whether it may be mirrored."""
    images, labels = [], []
    for name, count in RECIPE["batch"].items():
        learnt = sources[name].learnt
        chosen = generator.choice(len(learnt), count, replace=False)
        images.append(prepare(learnt.images[chosen]).float())
        labels.append(torch.from_numpy(learnt.labels[chosen]))
    plain = torch.cat(images)
    coloured = len(plain) - RECIPE["batch"]["mnist"]
    chosen = torch.from_numpy(generator.choice(coloured, RECIPE["distorted"], replace=False))
    changed, changes = distort(plain[chosen])
    kinds = torch.cat([torch.zeros(len(plain), dtype=torch.long), changes])
    classes = torch.cat([*labels, torch.full((len(changed),), UNLABELLED)])
    mirrored = torch.ones(len(kinds), dtype=torch.bool)
    mirrored[coloured : len(plain)] = False
    return torch.cat([plain, changed]), classes, kinds, mirrored


def objectives(features: Tensor, heads: Heads, labels: Tensor, kinds: Tensor) -> dict[str, Tensor]:
    """The cross-entropies; the one of instances is NT-Xent (Chen et al. 2020, arXiv 2002.05709)."""
    similarity = features @ features.T / TEMPERATURE
    similarity = similarity.masked_fill(torch.eye(len(features), dtype=torch.bool), float("-inf"))
    other_views = torch.arange(len(features)).roll(len(features) // 2)
    return {
        "instances": F.cross_entropy(similarity, other_views),
        "classes": F.cross_entropy(
            heads.classes(features * SHARPNESS), labels, ignore_index=UNLABELLED
        ),
        "kinds": F.cross_entropy(heads.kinds(features * SHARPNESS), kinds),
    }


def save(path: Path, network: Network, description: dict[str, Any]) -> None:
    """Write convolutions and the last layer in float16, norms in float32."""
    tensors = {
        name: tensor.half() if tensor.ndim > 1 else tensor
        for name, tensor in network.state_dict().items()
    }
    write_tensors(path, KIND, description, tensors)


if __name__ == "__main__":
    main()
