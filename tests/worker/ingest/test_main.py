"""`python -m worker.ingest` as a real process: its events, its end, its memory."""

import gzip
import io
import json
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from real_images import every_nth
from small_disk import fill

from models.durable_files import DISK_FULL_EXIT_STATUS
from worker.ingest.doctor.embedding_pass import allocate

ROOT = Path(__file__).resolve().parents[3]
MIB = 1 << 20
MAX_RSS = 80 * MIB  # of what makes no dataset: nothing is examined then
EXAMINED_RSS = 200 * MIB  # of what goes block by block through the embedding's network

Png = Callable[[int], bytes]
MakeRun = Callable[..., Path]


# The most memory of a process counts what its parent had when it was forked; this parent is small.
MEASURE = """
import resource, subprocess, sys
status = subprocess.run([sys.executable, "-m", "worker.ingest", sys.argv[1]]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(status)
"""


def start(run_dir: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "worker.ingest", str(run_dir)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def finish(run_dir: Path) -> tuple[int, list[dict[str, Any]], int]:
    """Exit status, events, and the most memory that the process had, in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(run_dir)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    *events, memory = done.stdout.splitlines()
    return done.returncode, [json.loads(line) for line in events], int(memory)


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_real_digits_are_packed_and_reported(
    run_dir: MakeRun, shared_data: Path, tmp_path: Path
) -> None:
    source = every_nth(shared_data / "digits-labelled.zip", 4, tmp_path / "digits.zip")
    folder = run_dir([source], size=28, max_images=1500)
    status, events, memory = finish(folder)
    assert status == 0
    assert {event["event"] for event in events[:-1]} == {"progress"}
    size = source.stat().st_size
    assert [event["phase"] for event in events[:-1]] == sorted(
        (event["phase"] for event in events[:-1]), key=["packing", "embedding", "comparing"].index
    )
    assert events[-2] == {
        "event": "progress",
        "phase": "comparing",
        "examined": 1500,
        "files": 1500,
        "accepted": 1500,
        "duplicates": 0,
        "rejected": 0,
        "bytes_read": size,
        "bytes_total": size,
    }
    finished = events[-1]
    images = np.load(folder / "packed" / "images.npy", mmap_mode="r")
    assert finished["event"] == "finished"
    assert finished["images"] == len(images) == 1500
    assert finished["shape"] == list(images.shape[1:]) == [28, 28, 1]
    assert finished["classes"] == [str(digit) for digit in range(10)]
    assert finished["report"]["accepted"] == 1500
    assert len(finished["content_hash"]) == 64
    files = list((folder / "packed").iterdir())
    assert finished["bytes"] == sum(path.stat().st_size for path in files)
    assert memory < EXAMINED_RSS


def test_a_failure_is_an_event_with_a_sentence(run_dir: MakeRun, tmp_path: Path) -> None:
    status, events, _ = finish(run_dir([zipped(tmp_path / "a.zip", {"a.txt": b"text"})]))
    assert status == 1
    assert [event["event"] for event in events] == ["failed"]
    assert "0 of 1 files can be used" in events[0]["error"]


def test_bombs_are_rejected_in_bounded_memory(run_dir: MakeRun, png: Png, tmp_path: Path) -> None:
    """A PNG of 300 MB, 60 MB of nothing, and a BMP of 60 MB that is honest but too large."""
    bmp = struct.pack("<2sL4xL", b"BM", 60 * MIB, 54)
    bmp += struct.pack("<LllHHLLllLL", 40, 4400, 4400, 1, 24, 0, 0, 0, 0, 0, 0)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("1.png", png(1))
        archive.writestr("2.png", png(2))
        for name, head, size in (
            ("bomb.png", png(3), 300),
            ("zeros.png", b"", 60),
            ("flat.bmp", bmp, 60),
        ):
            with archive.open(name, "w") as file:
                file.write(head)
                for _ in range(size):
                    file.write(bytes(MIB))
    assert path.stat().st_size < 3 * MIB
    status, events, memory = finish(run_dir([path], max_pixels=MIB))
    reasons = {
        rejected["file"]: rejected["reason"] for rejected in events[-1]["report"]["rejected"]
    }
    assert status == 0
    assert reasons["bomb.png"].startswith("too large: 314,5")
    assert reasons["zeros.png"].startswith("not an image")
    assert reasons["flat.bmp"].startswith("too many pixels: 4400 × 4400")
    assert memory < EXAMINED_RSS + 75 * MIB  # the BMP was read, and nothing of it decoded


@pytest.mark.slow
def test_pictures_of_many_pixels_are_decoded_in_bounded_memory(
    run_dir: MakeRun, tmp_path: Path
) -> None:
    """Four WebP of 38 bytes that are 16,383 × 5,000 pixels each, two PNG of as many."""
    image = Image.new("RGB", (16_383, 5_000), (200, 30, 40))
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True, method=0)
    files = {f"{number}.webp": file.getvalue() for number in range(4)}
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        image.paste(colour, (0, 0, *image.size))
        file = io.BytesIO()
        image.save(file, "PNG", compress_level=1)
        files[name] = file.getvalue()
    path = zipped(tmp_path / "a.zip", files)
    status, events, memory = finish(run_dir([path], max_pixels=89_478_485))
    assert status == 0
    assert (events[-1]["images"], events[-1]["report"]["duplicates"]) == (3, 3)
    one_png = 16_383 * 5_000 * 4
    assert memory < MAX_RSS + 90 * MIB + one_png  # two at once, or one WebP by Pillow, take more


def test_arrays_of_any_claim_are_read_in_bounded_memory(run_dir: MakeRun, tmp_path: Path) -> None:
    """300 MB of pictures in a small gzip, as many labels, and a claim of an exabyte."""
    sources = [tmp_path / name for name in ("zeros-images.gz", "zeros-labels.gz", "claim.npy")]
    heads = (
        struct.pack(">4B3I", 0, 0, 8, 3, 1_200, 512, 512),
        struct.pack(">4BI", 0, 0, 8, 1, 300 * MIB),
    )
    for source, head in zip(sources, heads, strict=False):
        with gzip.open(source, "wb", compresslevel=1) as file:
            file.write(head)
            for _ in range(300):
                file.write(bytes(MIB))
    header = np.lib.format.header_data_from_array_1_0(np.zeros((1, 32, 32), np.uint8))
    with sources[2].open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header | {"shape": (1 << 50, 32, 32)})
        file.write(bytes(1024))
    status, events, memory = finish(run_dir(sources, max_unpacked_bytes=1 << 30))
    assert status == 1
    assert "1 of 1,202 files can be used" in events[-1]["error"]
    assert "1,199 × duplicate" in events[-1]["error"]
    assert memory < MAX_RSS + 40 * MIB


def test_a_bomb_in_a_tar_fails_at_the_limit(run_dir: MakeRun, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz", compresslevel=1) as archive:
        info = tarfile.TarInfo("zeros.png")
        info.size = 300 * MIB
        with (tmp_path / "zeros").open("wb") as zeros:
            zeros.truncate(info.size)
        with (tmp_path / "zeros").open("rb") as zeros:
            archive.addfile(info, zeros)
    status, events, memory = finish(run_dir([tmp_path / "a.tar.gz"], max_unpacked_bytes=64 * MIB))
    assert status == 1
    assert "unpacks to more than 67,108,864 bytes" in events[-1]["error"]
    assert memory < MAX_RSS


def test_memory_does_not_grow_with_the_number_of_members(
    run_dir: MakeRun, png: Png, tmp_path: Path
) -> None:
    count = 40_000
    path = zipped(tmp_path / "a.zip", {"1.png": png(1), "2.png": png(2), "note.txt": b"text"})
    data = path.read_bytes()
    start, last = data.index(b"PK\x01\x02"), data.rindex(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    table = data[start:last] + data[last:end] * count
    tail = struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, *[(count + 2) % 65536] * 2, len(table), start, 0
    )
    path.write_bytes(data[:start] + table + tail)
    status, events, memory = finish(run_dir([path]))
    assert status == 0
    assert events[-1]["report"]["received"] == count + 2
    assert events[-1]["report"]["rejected_count"] == count
    assert memory < EXAMINED_RSS


@pytest.fixture
def long_run(run_dir: MakeRun, tmp_path: Path) -> Path:
    """A run that takes half a minute: a tar of 64 GiB, all of them a hole on the disk."""
    info = tarfile.TarInfo("endless.bin")
    info.size = 64 << 30
    with (tmp_path / "endless.tar").open("wb") as file:
        file.truncate(file.write(info.tobuf()) + info.size)
    return run_dir([tmp_path / "endless.tar"], max_unpacked_bytes=1 << 40)


def await_progress(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "progress"


def test_a_stop_is_obeyed_at_once(long_run: Path) -> None:
    with start(long_run) as process:
        await_progress(process)
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        events = [json.loads(line)["event"] for line in process.stdout]
        assert process.wait() == 0
    assert len(events) < 10  # progress comes once a second
    assert events[-1] == "stopped"
    assert [path.name for path in long_run.iterdir()] == ["run.json"]


def test_a_stop_while_pictures_are_examined_leaves_nothing(
    run_dir: MakeRun, tmp_path: Path
) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (20_000, 32, 32, 3), np.uint8)
    np.save(tmp_path / "a.npy", pictures)
    folder = run_dir([tmp_path / "a.npy"], max_images=20_000)
    with start(folder) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "progress" and event["phase"] == "embedding":
                process.send_signal(signal.SIGTERM)
                break
        events = [json.loads(line)["event"] for line in process.stdout]
        assert process.wait(10) == 0
    assert events[-1] == "stopped"
    assert [path.name for path in folder.iterdir()] == ["run.json"]


def test_the_process_ends_with_its_supervisor(long_run: Path) -> None:
    with start(long_run) as process:
        await_progress(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(2) == 3


def test_progress_is_emitted_about_once_a_second(long_run: Path) -> None:
    with start(long_run) as process:
        await_progress(process)
        first = time.monotonic()
        await_progress(process)
        await_progress(process)
        assert 1.5 < time.monotonic() - first < 20  # the machine may be busy
        process.kill()


def test_a_full_disk_ends_with_an_event_and_a_status_of_its_own(
    small_disk: Path, tmp_path: Path, run_dir: MakeRun, png: Png
) -> None:
    source = zipped(tmp_path / "a.zip", {f"{n}.png": png(n) for n in range(500)})
    folder = small_disk / "run"
    shutil.copytree(run_dir([source]), folder)
    fill(small_disk, leave=500_000)  # 500 pictures take 1.5 MB
    status, events, _ = finish(folder)
    assert (status, events[-1]["event"]) == (DISK_FULL_EXIT_STATUS, "no_room")
    assert "No space left on device" in events[-1]["error"]


def test_a_mapped_array_that_does_not_fit_on_the_disk_raises_an_error(
    small_disk: Path,
) -> None:
    fill(small_disk, leave=500_000)
    with pytest.raises(OSError, match="No space left on device"):
        allocate(small_disk / "features.npy", np.float16, (1000, 512))
