"""Verifies a file: generates it again from its recipe, and compares the two."""

import io
from collections.abc import Iterator
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

import numpy as np
from anyio import to_thread
from PIL import Image, ImageSequence

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import encode_grid, encode_image
from app.domain.images.recipes import Recipe
from app.domain.settings import Settings
from app.serving.animations import encode_animation
from app.serving.display import (
    SPRITE_SHEET,
    Display,
    encode_contact_sheet,
    encode_sprites,
    square_columns,
)
from app.serving.engine import Engine
from app.serving.morph_latents import frame_latents
from app.serving.recipe_files import (
    GridImage,
    GridRecipe,
    ImageRecipe,
    MorphRecipe,
    open_entry,
    parse_recipe,
)
from app.serving.samples import choose_label
from models.onnx_generator import backend
from models.samples import Pixels, Sample

BACKEND_TOLERANCE = 1  # levels by which pixels computed by another backend may differ


class Verdict(NamedTuple):
    """`difference`: the largest between two pixel values, 0 … 255; None if not comparable."""

    match: bool
    says: str
    difference: int | None


class Verification:
    """The verification of one file by its recipe.

    Raises InvalidRequest for a recipe that this service did not write, and LimitExceeded for one
    with more images than one request may have.
    """

    def __init__(self, recipe: Recipe, file_format: str, settings: Settings) -> None:
        self._parsed = parse_recipe(recipe, file_format, settings)
        self._recipe = recipe
        self._format = file_format
        self.checkpoint, self.sha256 = self._parsed.checkpoint, self._parsed.sha256
        self.scale = self._parsed.scale
        self.images = 1
        if isinstance(self._parsed, MorphRecipe):
            self.images = self._parsed.frames
        elif isinstance(self._parsed, GridRecipe):
            self.images = len(self._parsed.images)

    async def samples(self, checkpoint: GeneratorCheckpoint, engine: Engine) -> list[Sample]:
        """The samples of the file's pictures. Raises InvalidRequest for a latent or a class that
        the model does not have."""
        morph = self._parsed
        if not isinstance(morph, MorphRecipe):
            return await to_thread.run_sync(self._image_samples, checkpoint)
        points = [keyframe.to_point(checkpoint, "keyframes") for keyframe in morph.keyframes]
        label = choose_label(checkpoint, morph.class_name, points[0])
        latents = await frame_latents(
            engine,
            checkpoint,
            points,
            label,
            frames=morph.frames,
            method=morph.method,
            easing=morph.easing,
            loop=morph.loop,
            truncation=morph.truncation,
            bends=[bend.to_bend(checkpoint) for bend in morph.bends],
        )
        return [Sample(latent, label) for latent in latents]

    def _image_samples(self, checkpoint: GeneratorCheckpoint) -> list[Sample]:
        if isinstance(self._parsed, GridRecipe):
            images: list[GridImage] | list[ImageRecipe] = self._parsed.images
        else:
            assert isinstance(self._parsed, ImageRecipe)
            images = [self._parsed]
        samples, truncation = [], self._parsed.truncation
        for image in images:
            point = image.to_point(checkpoint, "latent")
            name = image.class_name or self._parsed.class_name
            label = choose_label(checkpoint, name, point)
            samples.append(Sample(point, label, truncation, image.source))
        return samples

    def compare(
        self,
        data: bytes,
        checkpoint: GeneratorCheckpoint,
        samples: list[Sample],
        pixels: Pixels,
    ) -> Verdict:
        """Compare the file `data` with one made from the samples' `pixels` (N, H, W, C)."""
        verdict = self._compare(data, checkpoint, samples, pixels)
        if self._parsed.model == checkpoint.model:
            return verdict
        named = f"its recipe names the model {self._parsed.model[:64]!r}, which is "
        return verdict._replace(says=f"{verdict.says}; {named}{checkpoint.model!r} here")

    def _compare(
        self,
        data: bytes,
        checkpoint: GeneratorCheckpoint,
        samples: list[Sample],
        pixels: Pixels,
    ) -> Verdict:
        if self._parsed.sha256 != checkpoint.sha256:
            return Verdict(False, "its recipe names a sha256 that is not its checkpoint's", None)
        again = self._encode(Display(self.scale, self._parsed.resample).enlarge(pixels), samples)
        if again == data:
            return Verdict(True, "it is the same, byte for byte", 0)
        if self._format == "mp4":
            return Verdict(
                False, "its bytes differ, and the pixels of an MP4 are not compared", None
            )
        try:
            if self._format == "sprites":
                data, again = _sprite_sheet(data), _sprite_sheet(again)
            difference = _largest_difference(data, again)
        except (OSError, SyntaxError, ValueError, RuntimeError, BadZipFile) as error:
            return Verdict(False, f"its pixels cannot be read: {error}", None)
        if difference is None:
            return Verdict(False, "its size or its number of frames is different", None)
        if difference == 0:
            return Verdict(True, "its pixels are the same, encoded in another way", 0)
        other = self._parsed.backend
        if other != backend() and difference <= BACKEND_TOLERANCE:
            reason = f"it was computed by {other}, and is the same except for rounding"
            return Verdict(True, reason, difference)
        return Verdict(False, f"its pixels differ by up to {difference} of 255", difference)

    def _encode(self, pixels: Pixels, samples: list[Sample]) -> bytes:
        parsed = self._parsed
        if self._format == "sprites":
            columns = (
                parsed.columns if isinstance(parsed, GridRecipe) else square_columns(len(samples))
            )
            fps = parsed.fps if isinstance(parsed, MorphRecipe) else None
            return encode_sprites(pixels, samples, columns, self._recipe, fps)
        if isinstance(parsed, MorphRecipe):
            file_format = "strip" if self._format == "png" else self._format
            return encode_animation(
                pixels, file_format, self._recipe, fps=parsed.fps, repeat=parsed.repeat
            )
        if isinstance(parsed, GridRecipe) and parsed.captions:
            return encode_contact_sheet(pixels, samples, parsed.columns, self._recipe)
        if isinstance(parsed, GridRecipe):
            return encode_grid(pixels, parsed.columns, self._recipe)
        return encode_image(pixels[0], self._format, self._recipe)


def _sprite_sheet(data: bytes) -> bytes:
    with ZipFile(io.BytesIO(data)) as archive:
        return open_entry(archive, SPRITE_SHEET)


def _largest_difference(data: bytes, expected: bytes) -> int | None:
    """The largest difference between two pixels of two files; None if their sizes or numbers of
    frames differ. Both are checked first, so no more is decoded than `expected` has."""
    with Image.open(io.BytesIO(data)) as image, Image.open(io.BytesIO(expected)) as reference:
        if _extent(image) != _extent(reference):
            return None
        frames = zip(_frames(image), _frames(reference), strict=True)
        return max(int(np.abs(frame - other).max()) for frame, other in frames)


def _extent(image: Image.Image) -> tuple[tuple[int, int], int]:
    return image.size, getattr(image, "n_frames", 1)


def _frames(image: Image.Image) -> Iterator[np.ndarray]:
    for frame in ImageSequence.Iterator(image):
        yield np.asarray(frame.convert("RGBA"), np.int16)
