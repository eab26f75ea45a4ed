"""The image formats that an ingest reads, a small part of those that Pillow can open."""

import io

from PIL import ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile

from worker.ingest.archives.signatures import NOT_AN_IMAGE
from worker.ingest.decoding.decoder import Decoder, open_with
from worker.ingest.decoding.jpeg import JpegDecoder
from worker.ingest.decoding.png import PngDecoder
from worker.ingest.decoding.tiff import TiffDecoder
from worker.ingest.decoding.webp import WebPDecoder
from worker.ingest.errors import Rejected


class BmpDecoder(Decoder):
    @property
    def keeps_rows(self) -> bool:
        return True

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        file.seek(0)
        try:
            return BmpImageFile(file)
        except Exception as error:  # a text may begin with BM too
            raise Rejected(NOT_AN_IMAGE) from error


class GifDecoder(Decoder):
    @property
    def keeps_rows(self) -> bool:
        return True

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        return open_with(GifImageFile, "GIF", file)


class AvifDecoder(Decoder):
    bytes_per_pixel = 16

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        return open_with(AvifImageFile, "AVIF", file)


class HeifDecoder(Decoder):
    bytes_per_pixel = 16

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        from pi_heif.as_plugin import HeifImageFile  # imported late: few uploads hold HEIC

        image: ImageFile.ImageFile = open_with(HeifImageFile, "HEIC", file)
        return image


DECODERS: dict[str, type[Decoder]] = {  # by Pillow's name of the format
    "PNG": PngDecoder,
    "JPEG": JpegDecoder,
    "WEBP": WebPDecoder,
    "AVIF": AvifDecoder,
    "HEIF": HeifDecoder,
    "TIFF": TiffDecoder,
    "BMP": BmpDecoder,
    "GIF": GifDecoder,
}
