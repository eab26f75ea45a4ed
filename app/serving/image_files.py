"""The file of one image: from the pixels of a sample and its recipe to PNG, WebP, JPEG or AVIF."""

import numpy as np
from numpy.typing import NDArray

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import encode_with_text
from app.domain.images.recipes import Recipe, image_recipe, recipe_text
from app.serving.display import OWN_SIZE, Display
from models.samples import Sample

# Encoding an AVIF takes as long as generating several images.
QUICK_FORMATS = ("png", "webp", "jpg")


class ImageFile:
    """What a file shows, in which format, and the recipe that is stored in it."""

    __slots__ = ("checkpoint", "display", "image_format", "recipe", "recipe_text", "sample")

    def __init__(
        self,
        checkpoint: GeneratorCheckpoint,
        sample: Sample,
        image_format: str,
        display: Display = OWN_SIZE,
    ) -> None:
        self.checkpoint, self.sample = checkpoint, sample
        self.image_format, self.display = image_format, display
        self.recipe: Recipe = image_recipe(checkpoint, sample) | display.recipe()
        self.recipe_text = recipe_text(self.recipe)

    @property
    def is_quick(self) -> bool:
        """Whether encoding takes less time than generating the image."""
        return self.display.scale == 1 and self.image_format in QUICK_FORMATS

    def encode(self, pixels: NDArray[np.uint8]) -> bytes:
        """(H, W, C), as generated -> the file."""
        (enlarged,) = self.display.enlarge(pixels[None])
        return encode_with_text(enlarged, self.image_format, self.recipe_text)
