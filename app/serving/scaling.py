"""Pictures larger than they were generated, for display: the pixels themselves stay what they are
under every scale, and the recipe tells it."""

from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from app.domain.images.recipes import Recipe
from models.samples import Pixels

MAX_SCALE = 8
Resample = Literal["lanczos", "nearest"]


class Display(NamedTuple):
    """How many times larger (1 … 8), and how: smoothly, or each pixel as a square."""

    scale: int = 1
    resample: Resample = "lanczos"

    def recipe(self) -> Recipe:
        """What a recipe tells of it: nothing, where pictures are shown as they were generated."""
        return {} if self.scale == 1 else {"scale": self.scale, "resample": self.resample}

    def enlarge(self, pixels: Pixels) -> Pixels:
        """(N, H, W, C) -> (N, scale · H, scale · W, C)."""
        if self.scale == 1:
            return pixels
        if self.resample == "nearest":
            return pixels.repeat(self.scale, axis=1).repeat(self.scale, axis=2)
        return np.stack([self._smoothly(one) for one in pixels])

    def _smoothly(self, picture: Pixels) -> Pixels:
        """(H, W, C). Pillow weighs colours by their opacity, so that none bleeds from where it is
        not seen."""
        height, width, channels = picture.shape
        image = Image.fromarray(picture[:, :, 0] if channels == 1 else picture)
        size = self.scale * width, self.scale * height
        enlarged = np.asarray(image.resize(size, Image.Resampling.LANCZOS))
        return enlarged.reshape(*enlarged.shape[:2], channels)
