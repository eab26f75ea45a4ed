"""Reads recipes from the files that contain them, and validates their fields."""

import io
import struct
import zipfile
from typing import Annotated, Any, Self

from PIL import Image, UnidentifiedImageError
from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError, from_json

from app.domain.errors import InvalidRequest, LimitExceeded
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import EXIF_IFD, RECIPE_KEY, SINGLE_FORMATS, USER_COMMENT
from app.domain.images.recipes import Recipe
from app.domain.settings import Settings
from app.domain.validation import explain_error, known_fields
from app.serving.animations import MAX_FPS
from app.serving.display import MAX_SCALE, SPRITE_SHEET, Resample
from app.serving.latents import (
    MAX_KEYFRAMES,
    Easing,
    LatentValues,
    Method,
    Seed,
    Truncation,
    to_vector,
)
from app.serving.rejection import MinQuality
from app.serving.request_bodies import StrictBody, limit_fields
from models.latents import Bend
from models.samples import Point

PICTURE_FORMATS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "AVIF": "avif", "GIF": "gif"}
FILE_FORMATS = (*PICTURE_FORMATS.values(), "mp4", "zip")
EXIF_ASCII = b"ASCII\0\0\0"  # the encoding, in front of an EXIF comment
MP4_BRANDS = (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1")
MP4_COMMENT_BOXES = (b"moov", b"udta", b"meta", b"ilst", b"\xa9cmt", b"data")


class RecipePoint(StrictBody):
    """What one picture is made from: a seed or a latent. `source` says how the latent was
    requested; the picture follows from its values alone."""

    seed: Seed | None = None
    latent: LatentValues | None = None
    source: Annotated[dict[str, Any], BeforeValidator(limit_fields)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.seed is None) == (self.latent is None):
            raise PydanticCustomError("point", "there is not exactly one of seed, latent")
        return self

    def to_point(self, checkpoint: GeneratorCheckpoint, field: str) -> Point:
        """Return the seed or the vector. Raises InvalidRequest for a latent of another length than
        the checkpoint's."""
        if self.seed is not None:
            return self.seed
        return to_vector(self.latent or [], checkpoint.latent_dim, field)


class FileRecipe(StrictBody):
    """The fields of every recipe: the checkpoint, and how pixels were computed and displayed."""

    model: str
    checkpoint: Annotated[str, Field(max_length=64)]
    sha256: str
    images_seen: int
    backend: str
    class_name: Annotated[str | None, Field(alias="class")]
    truncation: Truncation = 1.0
    scale: Annotated[int, Field(ge=1, le=MAX_SCALE)] = 1
    resample: Resample = "lanczos"


class ImageRecipe(FileRecipe, RecipePoint):
    pass


class GridImage(RecipePoint):
    class_name: Annotated[str | None, Field(alias="class")] = None


class GridRecipe(FileRecipe):
    columns: Annotated[int, Field(ge=1)]
    images: Annotated[list[GridImage], Field(min_length=1, fail_fast=True)]
    captions: bool = False

    @model_validator(mode="after")
    def _no_empty_column(self) -> Self:
        if self.columns > len(self.images):
            raise PydanticCustomError("columns", "more columns than images")
        return self


class RecipeBend(StrictBody):
    """A bend of the path of a morph: `models.latents.Bend`."""

    segment: Annotated[int, Field(ge=0, lt=MAX_KEYFRAMES)]
    position: Annotated[float, Field(gt=0, lt=1)]
    offset: LatentValues

    def to_bend(self, checkpoint: GeneratorCheckpoint) -> Bend:
        """Convert to a Bend. Raises InvalidRequest for an offset of another length than the
        checkpoint's latents."""
        offset = to_vector(self.offset, checkpoint.latent_dim, "bends")
        return Bend(self.segment, self.position, offset)


class MorphRecipe(FileRecipe):
    keyframes: Annotated[
        list[RecipePoint], Field(min_length=2, max_length=MAX_KEYFRAMES, fail_fast=True)
    ]
    frames: Annotated[int, Field(ge=2)]
    method: Method
    easing: Easing
    loop: bool
    repeat: bool = True
    fps: Annotated[float, Field(ge=1, le=MAX_FPS)]
    detour: MinQuality = 0.0
    bends: Annotated[tuple[RecipeBend, ...], Field(max_length=MAX_KEYFRAMES, fail_fast=True)] = ()

    @model_validator(mode="after")
    def _bends_fit_the_path(self) -> Self:
        segments = len(self.keyframes) - (not self.loop)
        bent = [bend.segment for bend in self.bends]
        if any(segment >= segments for segment in bent):
            raise PydanticCustomError("bends", "a bend is beyond the last segment")
        if len(set(bent)) < len(bent):
            raise PydanticCustomError("bends", "a segment has two bends")
        return self


FORMATS_OF: dict[type[FileRecipe], tuple[str, ...]] = {
    ImageRecipe: SINGLE_FORMATS,
    GridRecipe: ("png", "sprites"),
    MorphRecipe: ("webp", "gif", "apng", "png", "mp4", "sprites"),
}


def parse_recipe(
    recipe: Recipe, file_format: str, settings: Settings
) -> ImageRecipe | GridRecipe | MorphRecipe:
    """The recipe of a file in this format, as an object.

    Raises InvalidRequest for a recipe that this service did not write, and LimitExceeded for one
    with more images than one request may have.
    """
    if file_format == "zip":
        raise InvalidRequest("a zip is not verified as a whole: send one picture from it")
    if "samples" in recipe:
        raise InvalidRequest(
            "a timelapse is not verified: it shows the sample grids of a training, most of whose "
            "checkpoints are not kept"
        )
    kind: type[ImageRecipe | GridRecipe | MorphRecipe] = ImageRecipe
    if "columns" in recipe:
        kind = GridRecipe
    elif "keyframes" in recipe:
        kind = MorphRecipe
    if kind is GridRecipe and isinstance(recipe.get("images"), list):
        # Counted before each image is validated.
        _check_images(len(recipe["images"]), settings.max_images_per_request)
    try:
        parsed = kind.model_validate(recipe)
    except ValidationError as exc:
        first = exc.errors()[0]
        reason = explain_error(first, known_fields(kind, first["loc"]))
        if first["loc"]:
            reason = f"{'.'.join(str(part) for part in first['loc'])}: {reason}"
        raise InvalidRequest(f"this service did not write this recipe: {reason}") from exc
    if file_format not in FORMATS_OF[kind]:
        raise InvalidRequest(f"this service does not write such a recipe into {file_format} files")
    if isinstance(parsed, MorphRecipe):
        _check_images(parsed.frames, settings.max_frames)
    return parsed


def _check_images(images: int, limit: int) -> None:
    if images > limit:
        raise LimitExceeded(f"the recipe has {images} images; the limit for one request is {limit}")


def read_recipe(data: bytes) -> tuple[Recipe, str]:
    """The recipe in a file, and the file's format: png, apng, jpg, webp, avif, gif, mp4, sprites or
    zip. The recipe of a zip is {"images": [the recipe of each picture in it]}.

    Decodes no pixels. Raises InvalidRequest for another format, or a file without a recipe.
    """
    if data.startswith(b"PK\3\4"):
        return _read_zip(data)
    if data[4:8] == b"ftyp" and data[8:12] in MP4_BRANDS:
        return _parse_json(_mp4_comment(data), "mp4"), "mp4"
    return _read_picture(data)


def open_entry(archive: zipfile.ZipFile, name: str) -> bytes:
    """An entry of a zip that this service wrote. Raises BadZipFile for a compressed entry, which
    could unpack to any size."""
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise zipfile.BadZipFile(f"{name} is compressed")
    return archive.read(name)


def _read_zip(data: bytes) -> tuple[Recipe, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if SPRITE_SHEET in archive.namelist():
                return _read_picture(open_entry(archive, SPRITE_SHEET))[0], "sprites"
            names = [name for name in archive.namelist() if name.endswith(".png")]
            if not names:
                raise InvalidRequest("this zip holds no pictures, and therefore no recipe")
            recipes = [_read_picture(open_entry(archive, name))[0] for name in names]
            return {"images": recipes}, "zip"
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as exc:
        raise InvalidRequest(f"this zip is not as the service wrote it: {exc}") from exc


def _read_picture(data: bytes) -> tuple[Recipe, str]:
    try:
        with Image.open(io.BytesIO(data), formats=tuple(PICTURE_FORMATS)) as image:
            text, file_format = _picture_comment(image), PICTURE_FORMATS[str(image.format)]
            if file_format == "png" and getattr(image, "is_animated", False):
                file_format = "apng"
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, RuntimeError) as exc:
        raise InvalidRequest(
            "the body is not a picture: send a file of this service unchanged as the body, not in "
            f"a form (with curl: --data-binary). Formats: {', '.join(FILE_FORMATS)}"
        ) from exc
    except Image.DecompressionBombError as exc:
        raise InvalidRequest(f"the picture is too large: {exc}") from exc
    return _parse_json(text, file_format), file_format


def _picture_comment(image: Image.Image) -> Any:
    if image.format == "PNG":
        return image.info.get(RECIPE_KEY)
    if image.format == "GIF":
        return image.info.get("comment")
    comment = image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT)
    return comment.removeprefix(EXIF_ASCII) if isinstance(comment, bytes) else None


def _mp4_comment(data: bytes) -> str | None:
    """The comment in the metadata of an MP4 (ISO/IEC 14496-12, with the boxes of iTunes)."""
    start, end = 0, len(data)
    for name in MP4_COMMENT_BOXES:
        box = _find_box(data, start, end, name)
        if box is None:
            return None
        start, end = box
        start += {b"meta": 4, b"data": 8}.get(name, 0)  # version and flags; type and language
    return data[start:end].decode("utf-8", "replace")


def _find_box(data: bytes, start: int, end: int, name: bytes) -> tuple[int, int] | None:
    """The start and the end of the content of the first box with this name."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        if size == 0:  # the box extends to the end
            size = end - start
        if size < 8:  # 1 announces a 64-bit size: larger than any file of this service
            return None
        if kind == name:
            return start + 8, min(start + size, end)
        start += size
    return None


def _parse_json(text: Any, file_format: str) -> Recipe:
    try:
        # Strict: NaN, which is no JSON, could not be part of the JSON response either.
        recipe = from_json(text or "", allow_inf_nan=False)
    except (ValueError, TypeError):
        recipe = None
    if not isinstance(recipe, dict):
        raise InvalidRequest(
            f"this {file_format} holds no recipe: this service did not write it, or a program that "
            "saved it again removed the recipe"
        )
    return recipe
