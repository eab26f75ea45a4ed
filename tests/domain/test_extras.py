"""Which packages of the extra `train` are missing, in a sentence with the remedy."""

import sys

import pytest

from app.domain.extras import is_installed, lacks_training


def test_nothing_is_missing_where_trainings_run() -> None:
    assert lacks_training() is None


@pytest.mark.parametrize("missing", [["torch"], ["torch", "onnx"]])
def test_each_missing_package_is_named_with_the_remedy(
    missing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in missing:
        monkeypatch.setitem(sys.modules, package, None)
    names = ", ".join(missing)
    assert lacks_training() == (
        f"the extra train (not installed: {names}): pip install 'moggy[train]'"
    )


def test_looking_for_a_package_does_not_load_it() -> None:
    assert is_installed("antigravity")
    assert "antigravity" not in sys.modules
