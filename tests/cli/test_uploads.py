from pathlib import Path

import pytest

from app.cli.errors import CommandError
from app.cli.uploads import Part, plan_upload


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """cats/ with two classes, hidden files and links."""
    root = tmp_path / "cats"
    for name in ("tabby/b.png", "tabby/a.png", "white/c.png", ".hidden/d.png", "white/.e.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    (root / "white" / "linked.png").symlink_to(root / "tabby" / "a.png")
    (root / "white" / "broken.png").symlink_to(root / "nowhere")
    (root / "white" / "loop").symlink_to(root)
    return root


def names(part: Part) -> list[str]:
    assert isinstance(part.content, tuple)
    return [member.name for member in part.content]


def test_a_folder_is_one_tar_without_hidden_files_and_loops(folder: Path) -> None:
    (part,) = plan_upload([folder])
    assert part.name == "cats.tar"
    assert names(part) == [
        "cats/tabby/a.png",
        "cats/tabby/b.png",
        "cats/white/c.png",
        "cats/white/linked.png",
    ]


def test_the_folder_one_stands_in_has_its_own_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (part,) = plan_upload([Path()])
    assert part.name == "cats.tar"
    assert names(part)[0] == "cats/tabby/a.png"


def test_archives_go_as_they_are_and_loose_pictures_as_one_tar(folder: Path) -> None:
    archive = folder.parent / "More.ZIP"
    archive.write_bytes(b"PK")
    pictures = [folder / "tabby" / "a.png", folder / "white" / "c.png"]
    first, second = plan_upload([pictures[0], archive, pictures[1]])
    assert first == Part("More.ZIP", archive)
    assert (second.name, names(second)) == ("pictures.tar", ["a.png", "c.png"])


def test_a_single_picture_goes_as_it_is(folder: Path) -> None:
    picture = folder / "tabby" / "a.png"
    assert plan_upload([picture]) == [Part("a.png", picture)]


def test_what_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere\.zip: no such file or folder"):
        plan_upload([folder, folder / "nowhere.zip"])
    (folder / "empty").mkdir()
    with pytest.raises(CommandError, match="empty: the folder holds no files"):
        plan_upload([folder / "empty"])


def test_arrays_go_as_they_are_wherever_they_lie(folder: Path) -> None:
    arrays = ["deep/train-images-idx3-ubyte.gz", "t10k-labels.idx1-ubyte", "a.npz", "b.PARQUET"]
    for name in arrays:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"array")
    pictures, *others = plan_upload([folder, folder / "a.npz"])
    assert all(name.endswith(".png") for name in names(pictures))
    assert {part.name for part in others} == {*(f"cats/{name}" for name in arrays), "a.npz"}
    assert all(isinstance(part.content, Path) for part in others)
    assert plan_upload([folder / "deep"]) == [
        Part("deep/train-images-idx3-ubyte.gz", folder / arrays[0])
    ]
