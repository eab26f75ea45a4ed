from pathlib import Path

import pytest

from benchmarks.harness.machine import ROOT
from benchmarks.peers import environments
from benchmarks.peers.environments import NotInstalled, programs
from benchmarks.peers.peer import PEERS, Peer


def pins(path: Path) -> dict[str, str]:
    lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
    return dict(line.split("==") for line in lines if line)


@pytest.mark.parametrize(
    "peer", [peer for peer in PEERS if peer.requirements], ids=lambda peer: peer.title
)
def test_a_peer_has_its_version_and_the_projects_torch_pinned(peer: Peer) -> None:
    assert peer.requirements is not None
    pinned = pins(peer.requirements)
    assert f'"torch=={pinned["torch"]}"' in (ROOT / "pyproject.toml").read_text()
    assert peer.title == f"{peer.name} {pinned[peer.name]}, {peer.variant}"


@pytest.fixture
def temporary_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the environments into the test's folder."""
    monkeypatch.setattr(environments, "FOLDER", tmp_path / "environments")


@pytest.mark.usefixtures("temporary_environments")
def test_an_environment_is_made_once_and_remade_when_its_pins_change(tmp_path: Path) -> None:
    requirements = tmp_path / "nothing.txt"
    requirements.write_text("--no-index\n")
    made = programs(requirements)
    assert (made / "python").exists()
    mark = made / "mark"
    mark.touch()
    assert programs(requirements) == made
    assert mark.exists()
    requirements.write_text("--no-index\n# another one\n")
    programs(requirements)
    assert not mark.exists()


@pytest.mark.usefixtures("temporary_environments")
def test_a_failed_installation_is_reported_and_tried_again(tmp_path: Path) -> None:
    requirements = tmp_path / "absent.txt"
    requirements.write_text("--no-index\nno-such-package==1.0\n")
    for _ in range(2):
        with pytest.raises(NotInstalled, match="no-such-package"):
            programs(requirements)


def test_the_environments_are_not_in_the_repository() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert f"{environments.FOLDER.relative_to(ROOT)}/" in ignored
