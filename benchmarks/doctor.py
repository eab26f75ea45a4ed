"""The data doctor on planted faults: `python -m benchmarks.doctor [--pictures 3000]`.

Plants each of FAULTS, and images of other datasets as outliers, in real cats and in CIFAR-10.
Prints the recall of each fault, the precision of each kind, and the time. Near-duplicates that the
real images already contain are removed first.
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
    """A random crop, resized to the original size."""

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
    """The image shrunk between two black, grey or white bars, which take `share` of it."""

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
    """An image enlarged from one `factor` times smaller."""

    def enlarge(image: Image.Image, _: np.random.Generator) -> Image.Image:
        small = image.resize((image.width // factor, image.height // factor), Resampling.LANCZOS)
        return small.resize(image.size, Resampling.BICUBIC)

    return enlarge


def blank(noise: float) -> Damage:
    """One colour with camera noise."""

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

PLANTED_PER_FAULT = 60
OPTIONS = Options(drop_near_duplicates=False, mirrorable=True, padded=False)
LIMITS = Limits(max_pixels=1 << 20, max_images=100_000, max_unpacked_bytes=1 << 33)


@dataclass(frozen=True)
class Planted:
    """Images, and the indices at which each fault was planted, by (kind, name)."""

    images: np.ndarray
    indices: dict[tuple[str, str], np.ndarray]


def pack(name: str, side: int, folder: Path) -> np.ndarray:
    """Ingest an archive of the real data; return its images (N, side, side, C)."""
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
    """The clean images, followed by the faulty ones and the strangers."""
    generator = np.random.default_rng(seed)
    parts, indices, count = [clean], {}, len(clean)
    for kind, variants in FAULTS.items():
        for name, fault in variants.items():
            chosen = generator.choice(len(clean), PLANTED_PER_FAULT, replace=False)
            originals = [Image.fromarray(clean[index].squeeze()) for index in chosen]
            faulty = np.stack([np.asarray(fault(image, generator)) for image in originals])
            parts.append(faulty.reshape(PLANTED_PER_FAULT, *clean.shape[1:]))
            indices[kind, name] = np.arange(count, count + PLANTED_PER_FAULT)
            count += PLANTED_PER_FAULT
    for name, images in strangers.items():
        parts.append(images)
        indices["outliers", name] = np.arange(count, count + len(images))
        count += len(images)
    return Planted(np.concatenate(parts), indices)


def find_every_fault(images: np.ndarray, folder: Path) -> dict[str, Fault]:
    """Run the doctor on the images and print its times; the faults that it finds, by kind."""
    folder.mkdir()
    file = ImagesFile(folder / "images.npy")
    for image in images:
        file.append(image)
    file.finish()
    shape: Shape = file.shape
    started = time.perf_counter()
    _, measures = embed_and_measure(folder, shape, lambda _: None)
    embedded = time.perf_counter()
    features = np.load(folder / "features.npy")
    _, faults = find_faults(features, measures, OPTIONS, lambda _: None)
    compared = time.perf_counter()
    write_neighbours(folder, lambda: None)
    indexed = time.perf_counter()
    print(
        f"  {len(images):,} pictures: embedded and measured in {embedded - started:.1f} s "
        f"({len(images) / (embedded - started):,.0f}/s), compared in {compared - embedded:.1f} s, "
        f"indexed in {indexed - compared:.1f} s"
    )
    return {fault.kind: fault for fault in faults}


def print_recall_and_precision(planted: Planted, clean: int, faults: dict[str, Fault]) -> None:
    """Print both; other planted images do not count against the precision of a kind."""
    print(f"  {'fault':42} planted  recall")
    for (kind, name), indices in planted.indices.items():
        recall = np.isin(indices, faults[kind].indices).mean()
        print(f"  {kind + ': ' + name:42} {len(indices):7}  {recall:6.1%}")
    print(f"  {'kind':42} precision  false per 1,000")
    for kind, fault in faults.items():
        own = np.concatenate(
            [indices for (of, _), indices in planted.indices.items() if of == kind]
        )
        right = np.isin(own, fault.indices).sum()
        wrong = (fault.indices < clean).sum()
        precision = right / max(1, right + wrong)
        print(f"  {kind:42} {precision:9.1%}  {1000 * wrong / clean:20.1f}")


def measure(name: str, images: np.ndarray, strangers: dict[str, np.ndarray], folder: Path) -> None:
    print(f"{name}:")
    own = find_every_fault(images, folder / f"{name} as they are")
    for kind, fault in own.items():
        count = len(fault.indices)
        print(f"  as they are: {kind} {count:,} ({count / len(images):.2%})")
    clean = np.delete(images, own["near_duplicates"].indices, axis=0)
    planted = plant(clean, strangers)
    faults = find_every_fault(planted.images, folder / f"{name} planted")
    print_recall_and_precision(planted, len(clean), faults)


def resized(images: np.ndarray, side: int) -> np.ndarray:
    """Images (N, H, W, C) -> RGB (N, side, side, 3)."""
    rgb = [Image.fromarray(image.squeeze()).convert("RGB") for image in images]
    return np.stack([np.asarray(image.resize((side, side))) for image in rgb])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=3000)
    count = parser.parse_args().pictures
    print(describe())
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cats = pack("cats-3000.zip", 64, folder)
        cifar = pack("cifar10.zip", 32, folder)
        digits = pack("digits-labelled.zip", 28, folder)

    def sample(images: np.ndarray, count: int) -> np.ndarray:
        chosen = np.sort(generator.choice(len(images), min(count, len(images)), replace=False))
        return np.asarray(images[chosen])

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few = max(10, count // 200)
        strangers = {
            "digits": resized(sample(digits, few), 64),
            "CIFAR-10": resized(sample(cifar, few), 64),
        }
        measure("cats", sample(cats, count), strangers, folder)
        strangers = {"digits": resized(sample(digits, few), 32)}
        measure("CIFAR-10", sample(cifar, count), strangers, folder)


if __name__ == "__main__":
    main()
