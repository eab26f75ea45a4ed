"""The kinds in the report are those that the API names, and every reason has one."""

import ast
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
from pydantic import BaseModel, TypeAdapter

from app.domain.findings import BalanceAdvice, FindingAdvice, FindingKind, VarietyAdvice
from app.routes.report_remarks import AnyRejection, Rejection, Remark, TooSmall
from worker.ingest.decoding.levels import ValueRanges
from worker.ingest.doctor.findings import SUGGESTS, USUAL_ADVICE
from worker.ingest.doctor.variety import class_balance, effective_images
from worker.ingest.errors import REJECTION_KINDS, rejection_kind
from worker.ingest.notes import Note
from worker.ingest.report import TREATMENTS, Report, TreatedFiles, Unclassified

SOURCES = Path(__file__).resolve().parents[3] / "worker" / "ingest"


def literals(annotation: Any) -> set[str]:
    """All strings in the literals of an annotation."""
    if get_origin(annotation) is Literal:
        return set(get_args(annotation))
    return set().union(*(literals(part) for part in get_args(annotation)))


def kinds(*views: type[BaseModel]) -> set[str]:
    return set().union(*(literals(view.model_fields["kind"].annotation) for view in views))


def reasons() -> set[str]:
    """The beginnings of all reasons that are written in the source."""
    found = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if not is_call or node.func.id != "Rejected" or not node.args:  # type: ignore[attr-defined]
                continue
            text = node.args[0]  # type: ignore[attr-defined]
            start = text.values[0] if isinstance(text, ast.JoinedStr) else text
            if isinstance(start, ast.Constant):
                found.add(str(start.value).partition(":")[0])
    return found


def test_every_reason_has_a_kind_that_the_api_names() -> None:
    assert len(reasons()) > 10
    assert reasons() - set(REJECTION_KINDS) == set()
    union, _ = get_args(AnyRejection)  # and its validator
    views = get_args(union)
    assert set(REJECTION_KINDS.values()) | {"other"} == kinds(*views)
    assert rejection_kind("something new: 5") == "other"


def test_a_rejected_file_keeps_the_figures_of_its_reason() -> None:
    report = Report()
    sizes = {"width": 8, "height": 5, "least_width": 32, "least_height": 32}
    reason = "too small: 8 × 5, at least 32 × 32 for pictures of 64×64"
    report.reject("a.png", reason, None, **sizes)
    report.reject("b.png", "damaged: its pixels cannot be decoded")
    adapter: TypeAdapter[AnyRejection] = TypeAdapter(AnyRejection)
    small, damaged = (adapter.validate_python(listed) for listed in report.to_json()["rejected"])
    assert isinstance(small, TooSmall)
    assert (small.width, small.least_height) == (8, 32)
    assert isinstance(damaged, Rejection)
    older = adapter.validate_python({"file": "a.txt", "reason": "not an image"})
    assert (damaged.kind, older.kind) == ("damaged", None)


def test_every_note_has_its_kind_and_figures_in_the_same_order() -> None:
    report = Report(unclassified=Unclassified(3, ["a.png"], left_out=False, classes=2))
    report.treated = {name: TreatedFiles("a.png", 2) for name in TREATMENTS}
    report.note(Note("a.zip: 7 bytes before the zip were not read."))
    shown = report.to_json()
    assert [remark["says"] for remark in shown["remarks"]] == shown["notes"]
    adapter: TypeAdapter[list[Remark]] = TypeAdapter(list[Remark])
    remarks = adapter.validate_python(shown["remarks"])
    assert [remark.kind for remark in remarks] == [*["treated"] * 8, "unclassified", "other"]


def test_every_advice_has_a_kind_that_the_api_names() -> None:
    assert set(SUGGESTS) == set(get_args(FindingAdvice))
    assert set(USUAL_ADVICE) == set(get_args(FindingKind))
    assert effective_images(3, 1000)["advice"] in get_args(VarietyAdvice)
    assert effective_images(612, 1000)["advice"] is None


@pytest.mark.parametrize(
    ("counts", "advice", "thin", "more"),
    [
        ([500, 500], None, [], 0),
        ([20, 20], "small_classes", ["0", "1"], 0),
        ([20, 20, 20, 20, 20, 150], "add_or_leave_out", ["0", "1", "2"], 2),
    ],
)
def test_a_class_balance_names_the_classes_of_its_sentences(
    counts: list[int], advice: str | None, thin: list[str], more: int
) -> None:
    names = [str(number) for number in range(len(counts))]
    balance = class_balance(names, np.repeat(np.arange(len(counts)), counts))
    assert (balance["advice"], balance["thin"], balance["more_thin"]) == (advice, thin, more)
    assert advice is None or advice in get_args(BalanceAdvice)
    smallest, largest = balance["smallest"], balance["largest"]
    assert f"{smallest['name']} with {smallest['images']}" in balance["says"]
    assert f"{largest['name']} with {largest['images']}" in balance["says"]


def test_the_range_of_dark_pictures_has_the_figures_of_its_sentence() -> None:
    values = ValueRanges()
    for _ in range(200):
        values.add("16-bit", (0.0, 1023.0), is_packed=True)
    assert values.narrow_figures() == [{"images": 200, "low": 0.0, "high": 1023.0, "white": 65535}]
    assert values.narrow_sentence() == "the values of 200 pictures lie between 0 and 1023 of 65535"
