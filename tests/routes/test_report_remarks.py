"""Stored rejections are read with their kind and figures, or without a kind that is not known."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from app.routes.report_remarks import AnyRejection

ADAPTER: TypeAdapter[AnyRejection] = TypeAdapter(AnyRejection)
TOO_LARGE = {"kind": "too_large", "bytes": 9, "max_bytes": 5}


@pytest.mark.parametrize("facts", [TOO_LARGE, {"kind": "damaged"}, {"kind": None}])
def test_a_rejection_has_its_kind_and_figures(facts: dict[str, Any]) -> None:
    stored = {"file": "a.png", "reason": "too large", "thumbnail": None} | facts
    assert ADAPTER.validate_python(stored).model_dump() == stored


@pytest.mark.parametrize("facts", [{"kind": "too_large"}, {"kind": "unheard of"}])
def test_a_kind_that_is_not_known_with_its_figures_leaves_the_reason(facts: dict[str, Any]) -> None:
    stored = {"file": "a.png", "reason": "too large", "thumbnail": 3}
    assert ADAPTER.validate_python(stored | facts).model_dump() == stored | {"kind": None}
