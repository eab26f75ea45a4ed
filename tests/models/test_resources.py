"""Cores and memory: container limits in trees of files as the kernel shows them, and real use."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models import resources
from models.resources import (
    ProcessorWait,
    container_memory_left,
    cores_limit,
    free_memory,
    keep_freed_memory,
    peak_memory,
    release_freed_memory,
)

ROOT = Path(__file__).resolve().parents[2]
MB = 1024**2


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty tree, whose own group is /a/b in version 2 and for memory, /c for cpu."""
    monkeypatch.setattr(resources, "CONTROL_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(resources, "GROUP_MEMBERSHIP", tmp_path / "membership")
    (tmp_path / "membership").write_text("4:memory:/a/b\n3:cpu,cpuacct:/c\n0::/a/b\n")
    return tmp_path / "groups"


def write(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def test_without_groups_there_is_no_limit(groups: Path) -> None:
    assert (cores_limit(), container_memory_left()) == (float("inf"), sys.maxsize)
    assert resources.usable_cores() >= 1


@pytest.mark.parametrize(
    ("content", "limit"),
    [
        ("150000 100000", 1.5),
        ("max 100000", float("inf")),
        ("", float("inf")),
        ("50000 100000", 0.5),
    ],
)
def test_version_2_limits_cores(groups: Path, content: str, limit: float) -> None:
    write(groups / "a/b", cpu__max=content)
    assert cores_limit() == limit


@pytest.mark.parametrize(("quota", "limit"), [(200_000, 2.0), (-1, float("inf"))])
def test_version_1_limits_cores(groups: Path, quota: int, limit: float) -> None:
    write(groups / "cpu/c", cpu__cfs_quota_us=quota, cpu__cfs_period_us=100_000)
    assert cores_limit() == limit


def test_the_smallest_limit_of_the_groups_above_counts(groups: Path) -> None:
    write(groups / "a/b", cpu__max="400000 100000")
    write(groups / "a", cpu__max="100000 100000")
    assert cores_limit() == 1
    assert resources.usable_cores() == 1


def test_a_container_whose_tree_begins_at_its_own_group_is_found(groups: Path) -> None:
    write(groups, cpu__max="100000 100000")  # /a/b is the path on the host, and is not there
    write(groups / "memory", memory__limit_in_bytes=100 * MB, memory__usage_in_bytes=30 * MB)
    write(groups / "memory", memory__stat="total_inactive_file 0")
    assert (cores_limit(), container_memory_left()) == (1, 70 * MB)


def test_version_2_limits_memory_without_cached_files(groups: Path) -> None:
    write(groups / "a", memory__max=100 * MB, memory__current=80 * MB)
    write(groups / "a", memory__stat=f"anon 5\ninactive_file {30 * MB}")
    assert container_memory_left() == 50 * MB
    write(groups / "a", memory__current=150 * MB)
    assert container_memory_left() == 0
    write(groups / "a", memory__max="max")
    assert container_memory_left() == sys.maxsize


def test_version_1_limits_memory_without_cached_files(groups: Path) -> None:
    files = {"memory__limit_in_bytes": 100 * MB, "memory__usage_in_bytes": 80 * MB}
    write(groups / "memory/a/b", **files, memory__stat=f"cache 1\ntotal_inactive_file {10 * MB}")
    write(groups / "memory", memory__limit_in_bytes=9223372036854771712)
    assert container_memory_left() == 30 * MB


def test_threads_of_libraries_keep_to_the_limit(
    groups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(resources, "_schedulable_cores", lambda: 8)
    resources.limit_threads()
    assert "OMP_NUM_THREADS" not in os.environ
    write(groups, cpu__max="250000 100000")
    resources.limit_threads()
    assert os.environ["OMP_NUM_THREADS"] == "3"
    monkeypatch.delenv("OMP_NUM_THREADS")


def test_peak_memory_counts_freed_memory() -> None:
    before = peak_memory()
    block = bytearray(before + 64 * MB)
    del block
    assert peak_memory() >= before + 64 * MB


def test_a_new_process_does_not_count_what_its_parent_has_taken() -> None:
    block = bytearray(700 * MB)
    program = "import torch; from models.resources import peak_memory; print(peak_memory())"
    child = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True
    )
    assert len(block) > int(child.stdout) > 10 * MB


def test_some_memory_is_free() -> None:
    assert free_memory() > 100 * MB


CROWDED = """
import os, subprocess, sys, time
from models.resources import ProcessorWait
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
    wait = ProcessorWait()
    end = time.monotonic() + 1
    while time.monotonic() < end:
        pass
    other.kill()
    print(wait.share())
"""


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the kernel does not say it")
def test_two_processes_on_one_core_wait_for_each_other() -> None:
    output = subprocess.check_output([sys.executable, "-c", CROWDED], cwd=ROOT, text=True)
    assert 0.3 < float(output) < 1


def test_the_thread_that_waits_most_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "THREADS", tmp_path)

    def set_times(**times: str) -> None:
        for thread, values in times.items():
            write(tmp_path / thread, schedstat=values)

    second = 10**9
    set_times(worker=f"0 {second} 5", helper="0 0 5", without_statistics="0")
    wait = ProcessorWait()
    assert wait.share() == 0
    set_times(worker=f"{second} {4 * second} 9", helper=f"{second} {second} 9")
    assert wait.share() == 0.75


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "CONTROL_GROUPS", tmp_path)
    unlimited = free_memory()
    (tmp_path / "memory.max").write_text(f"{100 * MB}\n")
    (tmp_path / "memory.current").write_text(f"{80 * MB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {30 * MB}\n")
    assert free_memory() == 50 * MB
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory() == pytest.approx(unlimited, rel=0.5)


# Eight threads allocate at the same time; malloc_info(3) lists the arenas ("heaps") that they took.
ARENAS = """
import ctypes, sys, tempfile, threading
from models.resources import share_freed_memory
if int(sys.argv[1]):
    share_freed_memory(int(sys.argv[1]))
libc, all_run = ctypes.CDLL(None), threading.Barrier(8)
libc.malloc.restype = ctypes.c_void_p
def allocate():
    all_run.wait()
    assert libc.malloc(1000)
threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(file.read().decode().count("<heap nr="))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
def test_threads_share_the_arenas_that_there_may_be() -> None:
    def arenas(limit: int) -> int:
        out = subprocess.check_output([sys.executable, "-c", ARENAS, str(limit)])
        return int(out)

    assert arenas(2) <= 2
    assert arenas(0) > 2


def test_keeping_freed_memory_is_harmless_twice() -> None:
    keep_freed_memory()
    keep_freed_memory()
    release_freed_memory()
    assert torch.ones(2**22).sum() == 2**22
