"""Faults to plant in real pictures: one function for each, from picture to picture."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter
from PIL.Image import Resampling, Transpose

Fault = Callable[[Image.Image, np.random.Generator], Image.Image]

BARS = (0, 128, 255)


def cropped(share: float) -> Fault:
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


def brightened(factor: float) -> Fault:
    def brighten(image: Image.Image, _: np.random.Generator) -> Image.Image:
        return image.point(
            [min(255, round(level * factor)) for level in range(256)] * _bands(image)
        )

    return brighten


def mirrored(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return image.transpose(Transpose.FLIP_LEFT_RIGHT)


def letterboxed(share: float, upright: bool) -> Fault:
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


def blurred(radius: float) -> Fault:
    return lambda image, _: image.filter(ImageFilter.GaussianBlur(radius))


def enlarged(factor: int) -> Fault:
    """From a picture so many times smaller."""

    def enlarge(image: Image.Image, _: np.random.Generator) -> Image.Image:
        small = image.resize((image.width // factor, image.height // factor), Resampling.LANCZOS)
        return small.resize(image.size, Resampling.BICUBIC)

    return enlarge


def blank(noise: float) -> Fault:
    """One colour, with the noise of a camera."""

    def empty(image: Image.Image, generator: np.random.Generator) -> Image.Image:
        colour = generator.uniform(0, 255, _bands(image))
        grain = generator.standard_normal((image.height, image.width, _bands(image))) * noise
        pixels = np.clip(colour + grain, 0, 255).astype(np.uint8)
        return Image.fromarray(pixels[..., 0] if _bands(image) == 1 else pixels)

    return empty


def _bands(image: Image.Image) -> int:
    return len(image.getbands())


FAULTS: dict[str, dict[str, Fault]] = {
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
