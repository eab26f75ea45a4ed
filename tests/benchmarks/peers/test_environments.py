from pathlib import Path

import pytest

from benchmarks.peers import environments
from benchmarks.peers.environments import NotInstalled, programs
from benchmarks.peers.peer import PEERS

ROOT = Path(__file__).resolve().parents[3]


def pins(path: Path) -> dict[str, str]:
    lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
    return dict(line.split("==") for line in lines if line)


@pytest.mark.parametrize("peer", [one for one in PEERS if one.requirements], ids=lambda p: p.name)
def test_a_peer_has_its_version_and_the_projects_torch_pinned(peer: object) -> None:
    pinned = pins(peer.requirements)  # type: ignore[attr-defined]
    assert f'"torch=={pinned["torch"]}"' in (ROOT / "pyproject.toml").read_text()
    assert peer.title == f"{peer.name} {pinned[peer.name]}"  # type: ignore[attr-defined]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environments of the test's own."""
    monkeypatch.setattr(environments, "FOLDER", tmp_path / "environments")


@pytest.mark.usefixtures("elsewhere")
def test_an_environment_is_made_once_and_again_when_its_pins_change(tmp_path: Path) -> None:
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


@pytest.mark.usefixtures("elsewhere")
def test_what_cannot_be_installed_is_told_and_tried_again(tmp_path: Path) -> None:
    requirements = tmp_path / "absent.txt"
    requirements.write_text("--no-index\nno-such-package==1.0\n")
    for _ in range(2):
        with pytest.raises(NotInstalled, match="no-such-package"):
            programs(requirements)


def test_the_environments_are_not_in_the_repository() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert f"{environments.FOLDER.relative_to(ROOT)}/" in ignored
