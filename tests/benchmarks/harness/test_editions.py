import subprocess
from pathlib import Path

import pytest

from app.domain.settings import Settings
from benchmarks.harness import editions
from benchmarks.harness.editions import NotAvailable, earlier_edition


def git(folder: Path, *arguments: str) -> str:
    author = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
    command = ["git", "-C", str(folder), *author, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_an_earlier_commit_is_checked_out_until_the_measurement_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet")
    file = tmp_path / "state.txt"
    for text in ("before", "now"):
        file.write_text(text)
        git(tmp_path, "add", "state.txt")
        git(tmp_path, "commit", "--quiet", "--message", text)
    monkeypatch.setattr(editions, "ROOT", tmp_path)
    with earlier_edition(git(tmp_path, "rev-parse", "HEAD~")) as edition:
        assert (edition.root / "state.txt").read_text() == "before"
        assert file.read_text() == "now"
    assert not edition.root.exists()


def test_a_history_without_the_commit_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editions, "ROOT", tmp_path)  # not a repository
    with pytest.raises(NotAvailable, match="no commit 79ec363"), earlier_edition():
        pass


def test_a_state_that_cannot_register_models_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotAvailable, match="No module named"):
        editions.Edition(tmp_path).register(Settings(home=tmp_path))
