"""Whether a file is what its recipe makes here: made again, and compared."""

import io
from collections.abc import Iterator
from typing import Annotated, NamedTuple, Self
from zipfile import BadZipFile, ZipFile

import numpy as np
from anyio import to_thread
from PIL import Image, ImageSequence
from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from app.domain.errors import InvalidRequest, LimitExceeded
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.images.encoders import SINGLE_FORMATS, encode_grid, encode_image
from app.domain.images.recipes import BACKEND, Recipe
from app.domain.settings import Settings
from app.domain.validation import known_fields, sentence
from app.serving.animations import MAX_FPS, encode_animation
from app.serving.classes import choose_label
from app.serving.engine import Engine
from app.serving.latents import MAX_KEYFRAMES, Easing, Method, Numbers, Seed, to_vector
from app.serving.morph_latents import walk
from app.serving.recipe_files import open_entry
from app.serving.request_bodies import StrictBody
from app.serving.scaling import MAX_SCALE, Display, Resample
from app.serving.sheets import SPRITE_SHEET, encode_contact_sheet, encode_sprites, square
from models.samples import Pixels, Point, Sample

LEVELS_ELSEWHERE = 1  # by which pixels may differ that another backend has computed


class _Point(StrictBody):
    """What one picture is made from: a seed or a latent."""

    seed: Seed | None = None
    latent: Numbers | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.seed is None) == (self.latent is None):
            raise PydanticCustomError("point", "there is not exactly one of seed, latent")
        return self

    def of(self, checkpoint: ServedCheckpoint, field: str) -> Point:
        if self.seed is not None:
            return self.seed
        return to_vector(self.latent or [], checkpoint.latent_dim, field)


class _Subject(StrictBody):
    """What every recipe says: which checkpoint, and how the pixels were computed."""

    model: str
    checkpoint: Annotated[str, Field(max_length=64)]
    sha256: str
    images_seen: int
    backend: str
    class_name: Annotated[str | None, Field(alias="class")]
    scale: Annotated[int, Field(ge=1, le=MAX_SCALE)] = 1
    resample: Resample = "lanczos"


class _Image(_Subject, _Point):
    pass


class _GridImage(_Point):
    class_name: Annotated[str | None, Field(alias="class")] = None


class _Grid(_Subject):
    columns: Annotated[int, Field(ge=1)]
    images: Annotated[list[_GridImage], Field(min_length=1, fail_fast=True)]
    captions: bool = False

    @model_validator(mode="after")
    def _no_empty_column(self) -> Self:
        if self.columns > len(self.images):
            raise PydanticCustomError("columns", "more columns than images")
        return self


class _Morph(_Subject):
    keyframes: Annotated[
        list[_Point], Field(min_length=2, max_length=MAX_KEYFRAMES, fail_fast=True)
    ]
    frames: Annotated[int, Field(ge=2)]
    method: Method
    easing: Easing
    loop: bool
    repeat: bool = True
    fps: Annotated[float, Field(ge=1, le=MAX_FPS)]


FORMATS_OF: dict[type[_Subject], tuple[str, ...]] = {
    _Image: SINGLE_FORMATS,
    _Grid: ("png", "sprites"),
    _Morph: ("webp", "gif", "apng", "png", "mp4", "sprites"),
}


class Verdict(NamedTuple):
    """`difference`: the largest between two pixels, 0 … 255; None where there is no comparing."""

    match: bool
    says: str
    difference: int | None


class Replica:
    """A file, about to be made again from its recipe.

    Raises InvalidRequest for what is no recipe of ours, LimitExceeded for one that asks for more
    pictures than a request may.
    """

    def __init__(self, recipe: Recipe, file_format: str, settings: Settings) -> None:
        if file_format == "zip":
            raise InvalidRequest("a zip is not verified as a whole: send a picture out of it")
        kind = _Grid if "columns" in recipe else _Morph if "keyframes" in recipe else _Image
        most = settings.max_images_per_request
        if kind is _Grid and isinstance(recipe.get("images"), list):
            _check_images(len(recipe["images"]), most)  # before each of them is looked at
        try:
            self._asked = kind.model_validate(recipe)
        except ValidationError as exc:
            first = exc.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            fields = known_fields(kind, first["loc"])
            detail = f"this service wrote no such recipe: {place}: {sentence(first, fields)}"
            raise InvalidRequest(detail) from exc
        if file_format not in FORMATS_OF[kind]:
            raise InvalidRequest(f"this service wrote no such recipe into a {file_format}")
        self._recipe = recipe
        self._format = file_format
        self.model, self.checkpoint = self._asked.model, self._asked.checkpoint
        self.scale = self._asked.scale
        self.images = 1
        if isinstance(self._asked, _Morph):
            self.images = self._asked.frames
            _check_images(self.images, settings.max_frames)
        elif isinstance(self._asked, _Grid):
            self.images = len(self._asked.images)

    async def samples(self, checkpoint: ServedCheckpoint, engine: Engine) -> list[Sample]:
        """What its pictures are made from. Raises InvalidRequest for what the model has not."""
        asked = self._asked
        if isinstance(asked, _Morph):
            points = [one.of(checkpoint, "keyframes") for one in asked.keyframes]
            label = await to_thread.run_sync(choose_label, checkpoint, asked.class_name, points[0])
            path = await walk(
                engine,
                checkpoint,
                points,
                label,
                frames=asked.frames,
                method=asked.method,
                easing=asked.easing,
                loop=asked.loop,
            )
            return [Sample(latent, label) for latent in path]
        return await to_thread.run_sync(self._single_samples, checkpoint)

    def _single_samples(self, checkpoint: ServedCheckpoint) -> list[Sample]:
        asked = self._asked
        samples = []
        for one in asked.images if isinstance(asked, _Grid) else [asked]:
            assert isinstance(one, _Point)
            point = one.of(checkpoint, "latent")
            name = getattr(one, "class_name", None) or asked.class_name
            samples.append(Sample(point, choose_label(checkpoint, name, point)))
        return samples

    def compare(
        self,
        data: bytes,
        checkpoint: ServedCheckpoint,
        samples: list[Sample],
        pixels: Pixels,
    ) -> Verdict:
        """The file `data` with that of the samples' `pixels` (N, H, W, C)."""
        if self._asked.sha256 != checkpoint.sha256:
            return Verdict(False, "its recipe names a sha256 that is not its checkpoint's", None)
        again = self._encode(Display(self.scale, self._asked.resample).enlarge(pixels), samples)
        if again == data:
            return Verdict(True, "it is the same, byte for byte", 0)
        if self._format == "mp4":
            return Verdict(False, "it is not the same, and pixels of films are not compared", None)
        try:
            if self._format == "sprites":
                data, again = _sheet(data), _sheet(again)
            difference = _difference(data, again)
        except (OSError, SyntaxError, ValueError, RuntimeError, BadZipFile) as error:
            return Verdict(False, f"its pixels cannot be read: {error}", None)
        if difference is None:
            return Verdict(False, "its size or its number of frames is another", None)
        if difference == 0:
            return Verdict(True, "its pixels are the same, encoded in another way", 0)
        elsewhere = self._asked.backend != BACKEND
        if elsewhere and difference <= LEVELS_ELSEWHERE:
            says = f"it was computed by {self._asked.backend}, and is the same but for rounding"
            return Verdict(True, says, difference)
        return Verdict(False, f"its pixels differ by up to {difference} of 255", difference)

    def _encode(self, pixels: Pixels, samples: list[Sample]) -> bytes:
        asked = self._asked
        if self._format == "sprites":
            morph = asked if isinstance(asked, _Morph) else None
            columns = asked.columns if isinstance(asked, _Grid) else square(len(samples))
            return encode_sprites(
                pixels, samples, columns, self._recipe, morph.fps if morph else None
            )
        if isinstance(asked, _Morph):
            file_format = "strip" if self._format == "png" else self._format
            return encode_animation(
                pixels, file_format, self._recipe, fps=asked.fps, repeat=asked.repeat
            )
        if isinstance(asked, _Grid) and asked.captions:
            return encode_contact_sheet(pixels, samples, asked.columns, self._recipe)
        if isinstance(asked, _Grid):
            return encode_grid(pixels, asked.columns, self._recipe)
        return encode_image(pixels[0], self._format, self._recipe)


def _sheet(data: bytes) -> bytes:
    """The picture of a sprite sheet."""
    with ZipFile(io.BytesIO(data)) as archive:
        return open_entry(archive, SPRITE_SHEET)


def _check_images(images: int, most: int) -> None:
    if images > most:
        raise LimitExceeded(f"its recipe takes {images} images; one request may take {most}")


def _difference(data: bytes, other: bytes) -> int | None:
    """The largest between two pixels of two files; None where their frames cannot be laid over
    each other. No more is decoded than `other` has."""
    with Image.open(io.BytesIO(data)) as ours, Image.open(io.BytesIO(other)) as theirs:
        if _extent(ours) != _extent(theirs):
            return None
        frames = zip(_frames(ours), _frames(theirs), strict=True)
        return max(int(np.abs(one - another).max()) for one, another in frames)


def _extent(image: Image.Image) -> tuple[tuple[int, int], int]:
    return image.size, getattr(image, "n_frames", 1)


def _frames(image: Image.Image) -> Iterator[np.ndarray]:
    for frame in ImageSequence.Iterator(image):
        yield np.asarray(frame.convert("RGBA"), np.int16)
