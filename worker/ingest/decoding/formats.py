"""The formats that are read. Pillow knows some forty; these few are opened for uploads."""

import io

from PIL import ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile

from worker.ingest.archives.signatures import NOT_AN_IMAGE
from worker.ingest.decoding.jpeg import JpegPicture
from worker.ingest.decoding.picture import Picture, open_with
from worker.ingest.decoding.png import PngPicture
from worker.ingest.decoding.tiff import TiffPicture
from worker.ingest.decoding.webp import WebPPicture
from worker.ingest.errors import Rejected


class BmpPicture(Picture):
    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        file.seek(0)
        try:
            return BmpImageFile(file)
        except Exception as error:  # a text may begin with BM too
            raise Rejected(NOT_AN_IMAGE) from error


class GifPicture(Picture):
    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        return open_with(GifImageFile, "GIF", file)


class AvifPicture(Picture):
    bytes_per_pixel = 16

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        return open_with(AvifImageFile, "AVIF", file)


class HeifPicture(Picture):
    bytes_per_pixel = 16

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        from pi_heif.as_plugin import HeifImageFile  # imported late: few uploads hold HEIC

        image: ImageFile.ImageFile = open_with(HeifImageFile, "HEIC", file)
        return image


PICTURES: dict[str, type[Picture]] = {  # by Pillow's name of the format
    "PNG": PngPicture,
    "JPEG": JpegPicture,
    "WEBP": WebPPicture,
    "AVIF": AvifPicture,
    "HEIF": HeifPicture,
    "TIFF": TiffPicture,
    "BMP": BmpPicture,
    "GIF": GifPicture,
}
