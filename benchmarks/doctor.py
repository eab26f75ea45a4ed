"""The data doctor on planted faults: `python -m benchmarks.doctor [--pictures 3000]`.

Plants every fault of benchmarks.faults in real cats and in CIFAR-10, and strangers among them, and
prints how many of each were found, what else was said to be such a fault, and the time it took.
What the pictures repeat among themselves, near-duplicates of their own, is left out before.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from PIL.Image import Resampling, Transpose

from benchmarks.harness.machine import SHARED_DATA, describe
from worker.ingest.doctor.doctor import Fault, Options, find_faults
from worker.ingest.doctor.embedding_pass import embed_and_measure, write_neighbours
from worker.ingest.images_file import ImagesFile, Shape
from worker.ingest.ingest import Ingest
from worker.ingest.limits import Limits
from worker.ingest.request import ImageShape, IngestRequest, Source

Damage = Callable[[Image.Image, np.random.Generator], Image.Image]

BARS = (0, 128, 255)


def cropped(share: float) -> Damage:
    """A crop from anywhere, brought back to the same size."""

    def crop(image: Image.Image, generator: np.random.Generator) -> Image.Image:
        width, height = image.size
        left, top = generator.uniform(0, share, 2) * image.size
        box = (left, top, left + width * (1 - share), top + height * (1 - share))
        return image.resize(image.size, Resampling.LANCZOS, box)

    return crop


def compressed(image: Image.Image, _: np.random.Generator) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=50)
    return Image.open(file)


def brightened(factor: float) -> Damage:
    def brighten(image: Image.Image, _: np.random.Generator) -> Image.Image:
        return image.point(
            [min(255, round(level * factor)) for level in range(256)] * _bands(image)
        )

    return brighten


def mirrored(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return image.transpose(Transpose.FLIP_LEFT_RIGHT)


def letterboxed(share: float, upright: bool) -> Damage:
    """The picture squeezed between two bars that take this share, black, grey or white."""

    def box(image: Image.Image, generator: np.random.Generator) -> Image.Image:
        width, height = image.size
        inner_width = round(width * (1 - share)) if upright else width
        inner_height = height if upright else round(height * (1 - share))
        canvas = Image.new("RGB", image.size, (int(generator.choice(BARS)),) * 3)
        inner = image.convert("RGB").resize((inner_width, inner_height), Resampling.LANCZOS)
        canvas.paste(inner, ((width - inner_width) // 2, (height - inner_height) // 2))
        return canvas if _bands(image) == 3 else canvas.convert("L")

    return box


def blurred(radius: float) -> Damage:
    return lambda image, _: image.filter(ImageFilter.GaussianBlur(radius))


def enlarged(factor: int) -> Damage:
    """From a picture so many times smaller."""

    def enlarge(image: Image.Image, _: np.random.Generator) -> Image.Image:
        small = image.resize((image.width // factor, image.height // factor), Resampling.LANCZOS)
        return small.resize(image.size, Resampling.BICUBIC)

    return enlarge


def blank(noise: float) -> Damage:
    """One colour, with the noise of a camera."""

    def empty(image: Image.Image, generator: np.random.Generator) -> Image.Image:
        colour = generator.uniform(0, 255, _bands(image))
        grain = generator.standard_normal((image.height, image.width, _bands(image))) * noise
        pixels = np.clip(colour + grain, 0, 255).astype(np.uint8)
        return Image.fromarray(pixels[..., 0] if _bands(image) == 1 else pixels)

    return empty


def _bands(image: Image.Image) -> int:
    return len(image.getbands())


FAULTS: dict[str, dict[str, Damage]] = {
    "near_duplicates": {
        "crop 2 %": cropped(0.02),
        "crop 4 %": cropped(0.04),
        "JPEG quality 50": compressed,
        "10 % brighter": brightened(1.1),
        "10 % darker": brightened(0.9),
        "mirrored": mirrored,
    },
    "letterboxed": {
        "bars above and below, 10 %": letterboxed(0.1, upright=False),
        "bars above and below, 44 %": letterboxed(0.44, upright=False),
        "bars left and right, 25 %": letterboxed(0.25, upright=True),
    },
    "blurred": {
        "Gaussian, 0.75 pixels": blurred(0.75),
        "Gaussian, 1 pixel": blurred(1),
        "Gaussian, 1.5 pixels": blurred(1.5),
        "Gaussian, 3 pixels": blurred(3),
        "enlarged twofold": enlarged(2),
    },
    "blank": {"one colour": blank(0), "one colour, grain of 3 levels": blank(3)},
}

EACH = 60  # planted of each fault
OPTIONS = Options(drop_near_duplicates=False, mirrorable=True, padded=False)
LIMITS = Limits(max_pixels=1 << 20, max_images=100_000, max_unpacked_bytes=1 << 33)


@dataclass(frozen=True)
class Planted:
    """Pictures, and of each fault the places where it was planted."""

    images: np.ndarray
    places: dict[tuple[str, str], np.ndarray]


def pack(name: str, side: int, folder: Path) -> np.ndarray:
    """The pictures of an archive of real data."""
    source = Source(name, SHARED_DATA / name)
    shape = ImageShape(side, side, "crop", "auto")
    request = IngestRequest((source,), shape, True, False, False, None, "full", LIMITS)
    ingest = Ingest(request, folder / name, lambda: None)
    started = time.perf_counter()
    packed = ingest.run()
    seconds = time.perf_counter() - started
    print(f"{name}: {packed.images:,} pictures ingested in {seconds:.1f} s")
    images: np.ndarray = np.load(folder / name / "images.npy")
    return images


def plant(clean: np.ndarray, strangers: dict[str, np.ndarray], seed: int = 0) -> Planted:
    """The clean pictures, and after them the faulty ones."""
    generator = np.random.default_rng(seed)
    parts, places, count = [clean], {}, len(clean)
    for kind, variants in FAULTS.items():
        for name, fault in variants.items():
            chosen = generator.choice(len(clean), EACH, replace=False)
            images = [Image.fromarray(clean[one].squeeze()) for one in chosen]
            made = np.stack([np.asarray(fault(one, generator)) for one in images])
            parts.append(made.reshape(EACH, *clean.shape[1:]))
            places[kind, name] = np.arange(count, count + EACH)
            count += EACH
    for name, pictures in strangers.items():
        parts.append(pictures)
        places["outliers", name] = np.arange(count, count + len(pictures))
        count += len(pictures)
    return Planted(np.concatenate(parts), places)


def judged(images: np.ndarray, folder: Path) -> dict[str, Fault]:
    """Every finding, with the time that it took."""
    folder.mkdir()
    file = ImagesFile(folder / "images.npy")
    for one in images:
        file.append(one)
    file.finish()
    shape: Shape = file.shape
    started = time.perf_counter()
    _, measures = embed_and_measure(folder, shape, lambda _: None)
    looked = time.perf_counter()
    features = np.load(folder / "features.npy")
    _, found = find_faults(features, measures, OPTIONS, lambda _: None)
    compared = time.perf_counter()
    write_neighbours(folder, lambda: None)
    indexed = time.perf_counter()
    print(
        f"  {len(images):,} pictures: embedded and measured in {looked - started:.1f} s "
        f"({len(images) / (looked - started):,.0f}/s), compared in {compared - looked:.1f} s, "
        f"indexed in {indexed - compared:.1f} s"
    )
    return {one.kind: one for one in found}


def tell(planted: Planted, clean: int, found: dict[str, Fault]) -> None:
    """Recall of each fault, precision of each kind; what else was planted is no mistake of it."""
    print(f"  {'fault':42} planted  recall")
    for (kind, name), places in planted.places.items():
        hit = np.isin(places, found[kind].indices).mean()
        print(f"  {kind + ': ' + name:42} {len(places):7}  {hit:6.1%}")
    print(f"  {'kind':42} precision  said of 1,000 others")
    for kind, one in found.items():
        own = np.concatenate([places for (of, _), places in planted.places.items() if of == kind])
        right = np.isin(own, one.indices).sum()
        wrong = (one.indices < clean).sum()
        precision = right / max(1, right + wrong)
        print(f"  {kind:42} {precision:9.1%}  {1000 * wrong / clean:20.1f}")


def measure(name: str, images: np.ndarray, strangers: dict[str, np.ndarray], folder: Path) -> None:
    print(f"{name}:")
    own = judged(images, folder / f"{name} as they are")
    for kind, one in own.items():
        print(f"  as they are: {kind} {len(one.indices):,} ({len(one.indices) / len(images):.2%})")
    clean = np.delete(images, own["near_duplicates"].indices, axis=0)
    planted = plant(clean, strangers)
    found = judged(planted.images, folder / f"{name} planted")
    tell(planted, len(clean), found)


def resized(pictures: np.ndarray, side: int) -> np.ndarray:
    """(N, side, side, 3)."""
    images = [Image.fromarray(one.squeeze()).convert("RGB") for one in pictures]
    return np.stack([np.asarray(one.resize((side, side))) for one in images])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=3000)
    pictures = parser.parse_args().pictures
    print(describe())
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cats = pack("cats-3000.zip", 64, folder)
        cifar = pack("cifar10.zip", 32, folder)
        digits = pack("digits-labelled.zip", 28, folder)

    def some(images: np.ndarray, count: int) -> np.ndarray:
        chosen = np.sort(generator.choice(len(images), min(count, len(images)), replace=False))
        return np.asarray(images[chosen])

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few = max(10, pictures // 200)
        strangers = {
            "digits": resized(some(digits, few), 64),
            "CIFAR-10": resized(some(cifar, few), 64),
        }
        measure("cats", some(cats, pictures), strangers, folder)
        strangers = {"digits": resized(some(digits, few), 32)}
        measure("CIFAR-10", some(cifar, pictures), strangers, folder)


if __name__ == "__main__":
    main()
