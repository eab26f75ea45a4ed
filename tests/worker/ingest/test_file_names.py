from pathlib import Path

from worker.ingest.file_names import FileNames


def test_names_are_found_by_place_and_leave_nothing(tmp_path: Path) -> None:
    names = FileNames(tmp_path / "names.txt")
    for name in ("a.png", "two\nlines.png", "ä\x85\u2028b.png", "d.png"):
        names.add(name)
    assert names.of({3, 1}) == {1: "two\N{REPLACEMENT CHARACTER}lines.png", 3: "d.png"}
    assert len(names.of({0, 1, 2, 3, 9})) == 4
    names.close()
    names.close()
    assert list(tmp_path.iterdir()) == []
