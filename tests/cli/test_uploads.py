import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.errors import CommandError
from app.cli.tarstream import Member
from app.cli.uploads import Part, UploadPlan, plan_upload

from .conftest import FakeService, as_json


def fill(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """cats/ with two classes, hidden files and links."""
    root = fill(
        tmp_path / "cats",
        *("tabby/b.png", "tabby/a.png", "white/c.png", ".hidden/d.png", "white/.e.png"),
    )
    (root / "white" / "linked.png").symlink_to(root / "tabby" / "a.png")
    (root / "white" / "broken.png").symlink_to(root / "nowhere")
    (root / "white" / "loop").symlink_to(root)
    return root


def names(part: Part) -> list[str]:
    assert isinstance(part.content, tuple)
    return [member.name for member in part.content]


def left_out(plan: UploadPlan) -> dict[str, str]:
    return {entry.path.name: entry.reason for entry in plan.left_out}


def whole(name: str, path: Path) -> Part:
    return Part(name, Member(path, name, path.stat().st_size))


def test_a_folder_is_one_tar_and_each_file_left_out_has_a_reason(folder: Path) -> None:
    plan = plan_upload([folder])
    (part,) = plan.parts
    assert part.name == "cats"
    assert names(part) == ["tabby/a.png", "tabby/b.png", "white/c.png", "white/linked.png"]
    assert left_out(plan) == {
        ".hidden": "hidden",
        ".e.png": "hidden",
        "broken.png": "a broken link",
        "loop": f"the folder is included already, as {folder}",
    }


def test_several_folders_keep_their_names_so_that_they_are_classes(tmp_path: Path) -> None:
    fill(tmp_path, "tabby/a.png", ".white/b.png")
    plan = plan_upload([tmp_path / "tabby", tmp_path / ".white"])
    assert [(part.name, names(part)) for part in plan.parts] == [
        ("tabby.tar", ["tabby/a.png"]),
        ("white.tar", ["white/b.png"]),
    ]


def test_a_given_path_is_taken_even_if_it_or_a_parent_is_hidden(tmp_path: Path) -> None:
    root = fill(tmp_path / ".cache" / ".pics", "a/1.png", "b/2.png", ".3.png")
    (part,) = plan_upload([root]).parts
    assert (part.name, names(part)) == ("pics", ["a/1.png", "b/2.png"])
    assert plan_upload([root / ".3.png"]).parts == [
        Part("3.png", Member(root / ".3.png", "3.png", 6))
    ]


@pytest.mark.parametrize("given", [".", "../cats", "../cats/", "tabby/.."])
def test_a_relative_path_means_the_same_folder(
    given: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (part,) = plan_upload([Path(given)]).parts
    assert part.name == "cats"
    assert names(part)[0] == "tabby/a.png"


def test_linked_folders_are_followed_once_under_the_name_of_the_link(tmp_path: Path) -> None:
    store = fill(tmp_path / "store", "cats/1.png", "dogs/2.png")
    root = fill(tmp_path / "set", "birds/3.png")
    (root / "again").symlink_to(root / "birds")  # sorted before the folder that it leads to
    (root / "cats").symlink_to(store / "cats")
    (root / "dogs").symlink_to(store / "dogs")
    (root / "hounds").symlink_to(store / "dogs")
    (store / "cats" / "up").symlink_to(root)
    plan = plan_upload([root])
    assert names(plan.parts[0]) == ["birds/3.png", "cats/1.png", "dogs/2.png"]
    assert sorted(left_out(plan)) == ["again", "hounds", "up"]
    (store / "cats" / "up").unlink()
    (tmp_path / "linked").symlink_to(store)
    (part,) = plan_upload([tmp_path / "linked"]).parts
    assert (part.name, names(part)) == ("linked", ["cats/1.png", "dogs/2.png"])


def test_special_and_unreadable_files_are_left_out_without_waiting(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(folder / "tabby" / "pipe.png")
    monkeypatch.chdir(folder)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("tabby/sock.png")
    allowed = os.access
    monkeypatch.setattr(  # root, who may run the tests, can read everything
        os, "access", lambda path, mode: Path(path).name != "b.png" and allowed(path, mode)
    )
    reasons = left_out(plan_upload([folder]))
    assert reasons["pipe.png"] == "a named pipe, not a picture"
    assert reasons["sock.png"] == "a socket, not a picture"
    assert reasons["b.png"] == "the file cannot be read: Permission denied"
    with pytest.raises(CommandError, match=r"pipe\.png: neither a file nor a folder"):
        plan_upload([folder / "tabby" / "pipe.png"])


def test_names_that_are_not_utf8_are_sent_as_their_bytes(tmp_path: Path) -> None:
    folder, odd = (tmp_path / os.fsdecode(name) for name in (b"th\xe9", b"caf\xe9.png"))
    folder.mkdir()
    (folder / "new\nline.png").write_bytes(b"1")
    odd.write_bytes(b"2")
    first, second = plan_upload([folder, odd]).parts
    assert first.name == "th\N{REPLACEMENT CHARACTER}.tar"
    assert [os.fsencode(name) for name in names(first)] == [b"th\xe9/new\nline.png"]
    assert second.name == "caf\N{REPLACEMENT CHARACTER}.png"


def test_archives_are_sent_as_they_are_and_loose_pictures_as_one_tar(folder: Path) -> None:
    archive = folder.parent / "More.ZIP"
    archive.write_bytes(b"PK")
    pictures = [folder / "tabby" / "a.png", folder / "white" / "c.png"]
    first, second = plan_upload([pictures[0], archive, pictures[1]]).parts
    assert first == whole("More.ZIP", archive)
    assert (second.name, names(second)) == ("pictures.tar", ["a.png", "c.png"])


def test_a_single_picture_is_sent_as_it_is(folder: Path) -> None:
    picture = folder / "tabby" / "a.png"
    assert plan_upload([picture]).parts == [whole("a.png", picture)]


def test_a_missing_path_is_named(folder: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere\.zip: no such file or folder"):
        plan_upload([folder, folder / "nowhere.zip"])
    with pytest.raises(CommandError, match=r"broken\.png: a broken link"):
        plan_upload([folder / "white" / "broken.png"])
    (folder / "bare").mkdir()
    with pytest.raises(CommandError, match=r"bare: the folder holds no files that can be sent$"):
        plan_upload([folder / "bare"])
    fill(folder, "empty/.e.png")
    with pytest.raises(CommandError, match=r"empty: the folder holds no files.*\.e\.png \(hidden"):
        plan_upload([folder / "empty"])


def test_arrays_and_archives_in_folders_are_sent_as_they_are(folder: Path) -> None:
    arrays = ["deep/train-images-idx3-ubyte.gz", "t10k-labels.idx1-ubyte", "a.npz", "b.PARQUET"]
    fill(folder, *arrays, "shard-0.tar")
    pictures, *others = plan_upload([folder]).parts
    assert all(name.endswith(".png") for name in names(pictures))
    assert {part.name for part in others} == {*arrays, "shard-0.tar"}
    assert all(isinstance(part.content, Member) for part in others)
    assert [part.name for part in plan_upload([folder / "deep", folder / "a.npz"]).parts] == [
        "deep/train-images-idx3-ubyte.gz",
        "a.npz",
    ]


def test_label_files_are_sent_with_the_pictures_of_their_folder(folder: Path) -> None:
    (folder / "cats-000000.zip").write_bytes(b"PK")
    for name in ("cats-000000.jsonl", "metadata.csv", "tabby/a.cls"):
        (folder / name).write_bytes(b"labels")
    tar, archive = plan_upload([folder]).parts
    assert archive.name == "cats-000000.zip"
    assert {"cats-000000.jsonl", "metadata.csv", "tabby/a.cls"} <= {*names(tar)}


def test_a_large_upload_is_never_held_in_memory(tmp_path: Path, service: FakeService) -> None:
    """300 MB through a process whose memory grows by less than 50."""
    folder = tmp_path / "cats"
    folder.mkdir()
    with (folder / "big.png").open("wb") as file:
        file.truncate(300_000_000)
    service.on("POST /v1/datasets", as_json({}, 202))
    code = (
        "import resource\n"
        "from app.cli.client import ServiceClient\n"
        "from app.cli.uploads import plan_upload\n"
        "from pathlib import Path\n"
        f"parts = plan_upload([Path({str(folder)!r})]).parts\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        f"with ServiceClient({service.url!r}) as client:\n"
        "    client.upload('datasets', {'name': 'cats'}, parts)\n"
        "print(peak() - before)\n"
    )
    command = [sys.executable, "-c", code]
    grown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert service.received[0].size > 300_000_000
    assert int(grown.stdout) < 50_000  # kB
