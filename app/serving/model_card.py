"""The model card in a bundle: what the generator is, how it was trained, its scores and limits."""

import re
from typing import Any

from app.domain.bundles import CARD, EXAMPLE, LINEAGE, METRICS, ONNX, REFERENCE, SAMPLES, WEIGHTS
from app.domain.images.checkpoint import list_classes
from app.domain.validation import NAME_PATTERN
from models.config import TrainingConfig
from models.onnx_generator import LICENCE

CHANNELS = {1: "grey", 3: "RGB", 4: "RGBA"}
# The scores that a reader can understand alone, what each one means, and where it should be.
MEANINGS = {
    "kid": ("kernel distance between generated and real images", "towards that of real images"),
    "frechet": ("Fréchet distance between them", "towards that of real images"),
    "precision": ("share of the generated images that lie among the real ones: quality", "up"),
    "recall": ("share of the real images that lie among the generated ones: variety", "up"),
    "coverage": ("share of the real images with a generated one close by", "up"),
    "copy_rate": ("share of the generated images that copy a training image", "0.01 and below"),
    "diversity": ("how little the generated images look alike", "towards that of real images"),
}


def model_card(
    lineage: dict[str, Any],
    metrics: dict[str, Any] | None,
    samples: int,
    downloaded_as: str,
    *,
    has_reference: bool = False,
) -> str:
    """The card as Markdown. `samples` is how many images the grid shows, of the seeds from 0 on."""
    config = TrainingConfig.from_json(lineage["config"])
    sections = [
        f"# {lineage['model']}",
        _introduction(config, lineage),
        f"![Images of the seeds 0 to {samples - 1}]({SAMPLES})",
        "## How it was trained",
        _training(config, lineage),
        "## Scores",
        _scores(metrics),
        "## Limits",
        _limits(config),
        "## Licence",
        LICENCE,
        "## Use",
        _use(lineage["model"], downloaded_as, has_reference),
    ]
    return "\n\n".join(sections) + "\n"


def _introduction(config: TrainingConfig, lineage: dict[str, Any]) -> str:
    height, width, channels = config.shape
    classes = ""
    if config.classes:
        names = list_classes([_quote(name) for name in config.classes])
        classes = f", each of one of {len(config.classes)} classes: {names}"
    return (
        f"A generator of {width}×{height} {CHANNELS[channels]} images{classes}. It was trained "
        f"with Moggy and maps {config.latent_dim} random numbers, the latent, to an image. This "
        f"is checkpoint {lineage['checkpoint']}; the sha256 of its weights is "
        f"`{lineage['sha256']}`."
    )


def _training(config: TrainingConfig, lineage: dict[str, Any]) -> str:
    rows = {
        "preset": f"`{config.preset}`, architecture `{config.architecture}`",
        "images seen": f"{lineage['images_seen']:,}",
        "training images": _describe_dataset(lineage["dataset"]),
        "continued from": _describe_start(lineage["resumed_from"]),
        "imported": "yes: scores and training images are those that the import named"
        if lineage["imported"]
        else None,
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items() if value is not None]
    return "\n".join(
        [
            "| | |",
            "|---|---|",
            *lines,
            "",
            f"`{LINEAGE}` has the whole configuration and the versions.",
        ]
    )


def _describe_dataset(dataset: Any) -> str:
    """The dataset of a lineage, which may come from an import and then is not to be trusted."""
    name = dataset.get("name") if isinstance(dataset, dict) else None
    if not isinstance(name, str) or not re.fullmatch(NAME_PATTERN, name):
        return "not known"
    images, content_hash = dataset.get("images"), dataset.get("content_hash")
    text = f"dataset `{name}`"
    if isinstance(images, int):
        text += f", {images:,} images"
    if isinstance(content_hash, str) and content_hash.isalnum():
        text += f", content hash `{content_hash[:64]}`"
    return text


def _describe_start(start: dict[str, Any] | None) -> str | None:
    if start is None:
        return None
    model = f" of model `{start['model']}`" if start["model"] else ", which has been deleted"
    return f"checkpoint `{start['checkpoint']}`{model}"


def _scores(metrics: dict[str, Any] | None) -> str:
    if metrics is None:
        return "This checkpoint has no scores."
    lines = ["| score | value | real images | meaning | better |", "|---|---|---|---|---|"]
    real = {**_object(metrics.get("real")), **_object(metrics.get("floor"))}
    for name, (meaning, better) in MEANINGS.items():
        if isinstance(metrics.get(name), int | float):
            lines.append(
                f"| {name} | {_figure(metrics[name])} | {_figure(real.get(name))} | {meaning} | "
                f"{better} |"
            )
    return "\n".join(
        [
            *lines,
            "",
            "They compare generated images with the training images in Moggy's own embedding, and "
            "are comparable within one dataset and one embedding "
            f"({_quote(metrics['embedding'])}), not with published FIDs. `{METRICS}` has all of "
            "them.",
        ]
    )


def _limits(config: TrainingConfig) -> str:
    height, width, _ = config.shape
    return "\n".join(
        [
            "- It generates images like its training images, of this size only, and knows nothing "
            "else. What they lack or show too often, it lacks or shows too often.",
            "- An image may copy a training image: `copy_rate` says how often. Moggy's passports "
            "compare an image with the training images, where those are at hand.",
            f"- An image of {width}×{height} pixels shows no finer detail when it is enlarged.",
            "- Images of people, signatures or documents may look real and are invented.",
        ]
    )


def _use(model: str, downloaded_as: str, has_reference: bool) -> str:
    reference = (
        f"| `{REFERENCE}` | embeddings of training images, by which Moggy measures the quality of "
        "an image. They are no pictures, and reveal whether a given picture was among them |"
    )
    return "\n".join(
        [
            f"Without Moggy: `pip install onnxruntime numpy pillow`, then `python {EXAMPLE}` "
            "writes the image of seed 7.",
            "",
            f"With Moggy: `moggy model import {downloaded_as} --name {model}`. The same seed "
            "gives the same image as before.",
            "",
            "| file | is |",
            "|---|---|",
            f"| `{ONNX}` | the generator: `latents` (N, latent size) float32, and `labels` (N,) "
            "int64 where there are classes, to `images` (N, height, width, channels) uint8 |",
            f"| `{WEIGHTS}` | the weights of generator and discriminator, with the configuration |",
            f"| `{METRICS}`, `{LINEAGE}` | the scores, and where the checkpoint comes from |",
            *([reference] if has_reference else []),
            f"| `{SAMPLES}`, `{EXAMPLE}`, `{CARD}` | images, a program, this card |",
        ]
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _figure(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, int | float) else "-"


def _quote(name: str) -> str:
    """A name as code, on one line, in which no character has a meaning in Markdown."""
    return f"`{' '.join(name.split()).replace('`', chr(39)).replace('|', '/')}`"
