"""Memory as the kernel tells it: what was taken at most, and what is left."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training_runs import CPU

from models import containers
from models.memory import (
    keep_freed_memory,
    memory_free,
    memory_taken,
    release_freed_memory,
)

ROOT = Path(__file__).resolve().parents[2]
MB = 1024**2


def test_what_was_taken_once_stays_counted() -> None:
    before = memory_taken(CPU)
    block = bytearray(before + 64 * MB)
    del block
    assert memory_taken(CPU) >= before + 64 * MB


def test_a_new_process_does_not_count_what_its_parent_has_taken() -> None:
    block = bytearray(700 * MB)
    program = (
        "import torch; from models.memory import memory_taken;"
        "print(memory_taken(torch.device('cpu')))"
    )
    child = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True
    )
    assert len(block) > int(child.stdout) > 10 * MB


def test_some_memory_is_free() -> None:
    assert memory_free(CPU) > 100 * MB


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "GROUPS", tmp_path)
    unlimited = memory_free(CPU)
    (tmp_path / "memory.max").write_text(f"{100 * MB}\n")
    (tmp_path / "memory.current").write_text(f"{80 * MB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {30 * MB}\n")
    assert memory_free(CPU) == 50 * MB
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_free(CPU) == pytest.approx(unlimited, rel=0.5)


def test_keeping_freed_memory_is_harmless_twice() -> None:
    keep_freed_memory()
    keep_freed_memory()
    release_freed_memory()
    assert torch.ones(2**22).sum() == 2**22
