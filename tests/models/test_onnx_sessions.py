"""Sessions of ONNX Runtime: a broken file is named, no threads are started, nothing is reported."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.onnx_sessions import BrokenModel, open_session
from models.scoring.onnx_embedder import EMBEDDING_ONNX

THREADS = Path("/proc/self/task")


@pytest.mark.parametrize("content", [None, b"", b"not a network"])
def test_a_file_that_cannot_be_run_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "broken.onnx").write_bytes(content)
    with pytest.raises(BrokenModel, match=r"broken\.onnx cannot be run"):
        open_session(tmp_path / "broken.onnx")


def test_a_session_computes_in_the_calling_thread() -> None:
    if not THREADS.exists():
        pytest.skip("the kernel does not list threads")
    before = len(list(THREADS.iterdir()))
    session = open_session(EMBEDDING_ONNX)
    session.run(None, {"images": np.zeros((8, 64, 64, 3), np.uint8)})
    assert len(list(THREADS.iterdir())) == before


def test_a_session_leaves_no_identifier_of_the_machine_for_reports(tmp_path: Path) -> None:
    """Nothing of the environment, such as the CI variable, keeps the runtime from reporting."""
    program = (
        "from models.onnx_sessions import open_session\n"
        "from models.scoring.onnx_embedder import EMBEDDING_ONNX\n"
        "open_session(EMBEDDING_ONNX)\n"
    )
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
