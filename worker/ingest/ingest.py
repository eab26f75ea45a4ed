"""Makes a packed dataset from uploaded files, in one pass and bounded memory."""

import io
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path

import numpy as np

from worker.ingest.archives.names import display_name, folder_of
from worker.ingest.archives.parquet import LabelRow
from worker.ingest.arrays.files import ArrayImage
from worker.ingest.class_values import recipe_class
from worker.ingest.decoding.levels import Levels, Span, ValueRanges, Values
from worker.ingest.decoding.reader import Fitted, Measured, Reader, set_pillow_limits
from worker.ingest.decoding.thumbnails import pixels_thumbnail
from worker.ingest.doctor.doctor import DarkImages, Options, examine
from worker.ingest.doctor.embedding_pass import await_result, write_neighbours
from worker.ingest.doctor.mirroring import is_mirrorable
from worker.ingest.doctor.variety import class_balance
from worker.ingest.errors import IngestError, Rejected
from worker.ingest.labels.files import LabelFiles
from worker.ingest.limits import Meter
from worker.ingest.notes import Note
from worker.ingest.pack import Pack, Packed
from worker.ingest.report import (
    MAX_LISTED_FILES,
    MAX_THUMBNAILS,
    UNCLASSIFIED_EXAMPLES,
    Report,
    Unclassified,
)
from worker.ingest.request import IngestRequest
from worker.ingest.sources import Received, Sources

MIN_DATASET_IMAGES = 2
DECODER_THREADS = 2
MAX_PENDING = 32  # files that were read and are not packed yet
MAX_PENDING_BYTES = 64 << 20

Outcome = Fitted | Measured | Rejected
_DecodeFile = Callable[[io.BytesIO], Outcome]
# Returns the outcome, or a function that computes it in a thread.
_DecodeArray = Callable[[Values, Span], Outcome | Callable[[], Outcome]]


@dataclass
class Progress:
    """The progress of an ingest, updated while it runs."""

    report: Report
    bytes_total: int
    bytes_read: int = 0
    # measuring (only with levels=auto), packing, embedding, comparing
    phase: str = "packing"
    examined: int = 0  # images, in this phase


@dataclass(frozen=True)
class _PendingFile:
    """A file that was read, with the outcome of its decoding, which may still be under way."""

    member: Received
    scope: int  # of label files, as `Sources.scope` gives it
    bytes: int
    outcome: Outcome | Future[Outcome]
    recipe_class: str | None = None

    def result(self) -> Outcome:
        return self.outcome.result() if isinstance(self.outcome, Future) else self.outcome


class Ingest:
    """One ingest. `tick` is called often, and may raise Stopped."""

    def __init__(self, request: IngestRequest, folder: Path, tick: Callable[[], None]) -> None:
        self._request = request
        self._folder = folder
        self._tick = tick
        self._meter = Meter(request.limits.max_unpacked_bytes, tick)
        self._decoders = ThreadPoolExecutor(DECODER_THREADS, thread_name_prefix="decoder")
        self._steps = 0  # units of work other than reading
        total = sum(source.path.stat().st_size for source in request.sources)
        self._values = ValueRanges()
        self.progress = Progress(Report(), total)
        database = folder.with_name("labels.sqlite")
        self._label_files = LabelFiles(database, self.progress.report, self._meter)

    @property
    def work(self) -> int:
        """A number that grows with every byte read and every image packed or examined."""
        return self._meter.flow.bytes + self.progress.report.received + self._steps

    def run(self) -> Packed:
        """Pack every usable image, in the order of the upload.

        Raises IngestError if no dataset can be made of the upload, and whatever `tick` raises.
        """
        set_pillow_limits()
        report = self.progress.report
        try:
            reader = Reader(
                self._request.shape, self._request.limits.max_pixels, self._choose_levels()
            )
            with Pack(self._folder) as pack:

                def fit(file: io.BytesIO) -> Fitted:
                    return reader.fit(file, with_thumbnail=report.has_room_for_thumbnails)

                for file in self._decoded(self._meter, fit, reader.fit_array):
                    self._add_file(file, pack)
                report.labels = self._label_files.finish(pack.labels)
                if report.labels is not None and report.labels.source == "files":
                    # Label files replace the class folders, so contradictions between folders do
                    # not count.
                    pack.contradicted = report.labels.contradicted_duplicates
                if len(pack) < MIN_DATASET_IMAGES:
                    raise IngestError(
                        report.too_few(MIN_DATASET_IMAGES, self._values.narrow_sentence()),
                        report.too_few_facts(MIN_DATASET_IMAGES),
                    )
                self.progress.bytes_read = self.progress.bytes_total
                pack.seal()
                return self._finish(pack)
        finally:
            self._label_files.close()
            self._decoders.shutdown(wait=False, cancel_futures=True)

    def _choose_levels(self) -> Levels:
        """Return the values of black and white; for levels=auto, measure them on all files."""
        if self._request.levels == "full":
            return Levels()
        self.progress.phase = "measuring"
        reader = Reader(self._request.shape, self._request.limits.max_pixels, Levels())
        values = ValueRanges()
        for file in self._decoded(self._meter.fresh(), reader.measure, reader.measure_array):
            measured = file.result()
            if isinstance(measured, Measured):
                values.add(measured.depth, measured.span)
        self.progress.phase = "packing"
        levels = values.stretched()
        for sentence, figures in values.descriptions():
            says = f"{sentence[0].upper()}{sentence[1:]}: they were spread from black to white."
            self.progress.report.note(Note(says, "stretched_levels", {"range": figures}))
        return levels

    def _dark_images(self) -> DarkImages | None:
        sentence = self._values.narrow_sentence()
        if self._request.levels != "full" or sentence is None:
            return None
        return DarkImages(
            *self._values.narrow_shares(),
            f"{sentence[0].upper()}{sentence[1:]}.",
            self._values.narrow_figures(),
        )

    def _finish(self, pack: Pack) -> Packed:
        """Examine the images, remove those that the request excludes, and complete the folder."""
        report, request = self.progress.report, self._request
        self._handle_unclassified(pack)
        flip = request.horizontal_flip
        if flip is None:
            flip = is_mirrorable(pack.folder / "images.npy", pack.shape)
        dark = self._dark_images()
        options = Options(request.drop_near_duplicates, flip, request.shape.fit == "pad", dark)
        diagnosis = examine(pack.folder, pack.shape, options, pack.names.of, self._examined)
        dropped = int((~diagnosis.kept).sum())
        if len(pack) - dropped < MIN_DATASET_IMAGES:
            raise IngestError(
                f"all {len(pack):,} pictures show almost the same, and a dataset needs at least "
                f"{MIN_DATASET_IMAGES} that differ: add others, or upload with "
                "near_duplicates=keep",
                {"kind": "all_alike", "pictures": len(pack), "needed": MIN_DATASET_IMAGES},
            )
        if dropped:
            pack.keep(diagnosis.kept, self._step)
            report.drop_near_duplicates(dropped)
        write_neighbours(pack.folder, self._step)
        for note in pack.labels.notes():
            report.note(note)
        if pack.contradicted:
            says = (
                "1 duplicate lies in another class than the first copy of its picture, which keeps "
                "its class."
                if pack.contradicted == 1
                else f"{pack.contradicted:,} duplicates lie in another class than the first copy "
                "of their picture, which keeps its class."
            )
            report.note(Note(says, "contradicting_duplicates", {"count": pack.contradicted}))
        classes, labels = pack.labels.numbered()
        balance = None
        if classes is not None and labels is not None:
            balance = class_balance(classes, labels)
        report.doctor = diagnosis.to_json() | {"class_balance": balance}
        if report.thumbnails:
            np.save(pack.folder / "rejected.npy", np.stack(report.thumbnails))
        details = {"embedding": diagnosis.embedding, "report": report.to_json()}
        return pack.finish(flip, details, self._step)

    def _handle_unclassified(self, pack: Pack) -> None:
        """Report the images without a class, and leave them out if the request says so."""
        without = pack.labels.unclassified()
        count = int(without.sum())
        if not count:
            return
        report, left_out = self.progress.report, self._request.drop_unclassified
        listed = MAX_LISTED_FILES if left_out else UNCLASSIFIED_EXAMPLES
        names = pack.names.of(set(np.flatnonzero(without)[:listed].tolist()))
        files = [names[index] for index in sorted(names)]
        report.unclassified = Unclassified(
            count, files[:UNCLASSIFIED_EXAMPLES], left_out, pack.labels.classes_in_use
        )
        if left_out:
            images = np.load(pack.folder / "images.npy", mmap_mode="r")
            pictured = sorted(names)[: MAX_THUMBNAILS - len(report.thumbnails)]
            thumbnails = [pixels_thumbnail(images[index]) for index in pictured]
            pack.keep(~without, self._step)
            report.drop_unclassified(count, list(zip_longest(files, thumbnails)))

    def _examined(self, phase: str, images: int) -> None:
        self.progress.phase, self.progress.examined = phase, images
        self._step()

    def _step(self) -> None:
        self._steps += 1
        self._tick()

    def _add_file(self, file: _PendingFile, pack: Pack) -> None:
        """Add a file to the report, to the label files and, if its image is new, to the pack."""
        report, member, fitted = self.progress.report, file.member, file.result()
        index, is_new = None, False
        if isinstance(fitted, Rejected):
            name = display_name(member.name)
            report.reject(name, str(fitted), fitted.thumbnail, **fitted.figures)
        else:
            assert isinstance(fitted, Fitted)
            index, is_new = self._pack(fitted, member, pack)
        if not member.is_labelled:
            self._label_files.add_image(
                file.scope, member.name, index, file.recipe_class, is_duplicate=not is_new
            )
        if len(pack) > self._request.limits.max_images:
            raise IngestError(
                f"the upload holds more than {self._request.limits.max_images:,} pictures, the "
                "limit of one dataset (MOGGY_MAX_DATASET_IMAGES): split it, or raise the limit",
                {"kind": "too_many_pictures", "max_images": self._request.limits.max_images},
            )

    def _pack(self, fitted: Fitted, member: Received, pack: Pack) -> tuple[int, bool]:
        """Add an image to the pack; return its index, and whether it is new."""
        report = self.progress.report
        class_name = member.label if member.is_labelled else folder_of(member.name)
        index, is_new = pack.add(fitted.pixels, class_name, member.name)
        self._values.add(fitted.depth, fitted.span, is_packed=is_new)
        report.accepted += is_new
        report.duplicates += not is_new
        for treatment in fitted.treatments if is_new else ():
            report.count(treatment, display_name(member.name))
        return index, is_new

    def _decoded(
        self, meter: Meter, decode_file: _DecodeFile, decode_array: _DecodeArray
    ) -> Iterator[_PendingFile]:
        """Yield every received file in order, decoded, while threads decode the next ones."""
        pending: deque[_PendingFile] = deque()
        pending_bytes = 0
        for scope, member in self._members(meter):
            file = self._start(scope, member, decode_file, decode_array)
            pending.append(file)
            pending_bytes += file.bytes
            while len(pending) > MAX_PENDING or pending_bytes > MAX_PENDING_BYTES:
                pending_bytes -= pending[0].bytes
                yield self._await(pending.popleft())
        while pending:
            yield self._await(pending.popleft())

    def _members(self, meter: Meter) -> Iterator[tuple[int, Received]]:
        """Yield every received file that is not a label file, with its scope."""
        sources = Sources(self._request, meter)
        is_packing = meter is self._meter  # the pass that measures levels has a meter of its own
        bytes_before = 0  # of the earlier sources
        for index, source in enumerate(self._request.sources):
            scope, archive = sources.scope(index)
            for member in sources.members(index):
                if isinstance(member, Note):
                    if is_packing:
                        self.progress.report.note(member)
                    continue
                self.progress.bytes_read = bytes_before + member.position
                if isinstance(member, LabelRow):
                    if is_packing:
                        self._label_files.add_row(scope, member)
                elif not member.is_received:
                    continue
                elif isinstance(member, ArrayImage) or not is_packing:
                    yield scope, member
                elif image_file := self._label_files.read_if_labels(scope, archive, member):
                    yield scope, image_file
            bytes_before += source.path.stat().st_size
            self.progress.bytes_read = bytes_before
            self._tick()

    def _start(
        self, scope: int, member: Received, decode_file: _DecodeFile, decode_array: _DecodeArray
    ) -> _PendingFile:
        if isinstance(member, ArrayImage):
            size, outcome = member.values.nbytes, decode_array(member.values, member.span)
            if not callable(outcome):
                return _PendingFile(member, scope, size, outcome)
            return _PendingFile(member, scope, size, self._decoders.submit(_guarded, outcome))
        try:
            file = member.read_image()
        except Rejected as rejected:
            return _PendingFile(member, scope, 0, rejected)
        size = file.getbuffer().nbytes  # before decoding: Pillow may close the file
        recipe = recipe_class(file.getvalue())
        future = self._decoders.submit(_guarded, partial(decode_file, file))
        return _PendingFile(member, scope, size, future, recipe)

    def _await(self, file: _PendingFile) -> _PendingFile:
        if isinstance(file.outcome, Future):
            await_result(file.outcome, self._tick)
        return file


def _guarded(work: Callable[[], Outcome]) -> Outcome:
    """Return the outcome. A Rejected loses its traceback, which would keep a file in memory."""
    try:
        return work()
    except Rejected as rejected:
        return Rejected(str(rejected), rejected.thumbnail, **rejected.figures)
