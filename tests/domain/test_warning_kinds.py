"""Each warning has its figures beside its sentence, and they agree."""

from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from app.domain.served_checkpoint import ServedReason
from app.domain.warning_kinds import TrainingWarning

LOWEST = ServedReason(
    kind="lowest_kid", images_seen=1000, kid=0.42, low=0.4, high=0.44, compared=3, trainings=2
)
ENGLISH = {"says": "12 pictures (12 %) show no fine detail.", "suggests": "Leave them out."}
# For each kind, its figures, and how its sentence writes them.
SAMPLES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "few_pictures": ({"pictures": 64, "enough": 500}, ["64", "500"]),
    "finding": (
        {"finding": "blurred", "count": 12, "share": 0.12, "advice": "leave_out_blurred"}
        | {"ranges": None}
        | ENGLISH,
        ["12 pictures (12 %)", "Leave them out"],
    ),
    "low_variety": (
        {"value": 4.2, "sample": 1000, "advice": "other_kinds"} | ENGLISH,
        ["Leave them out"],
    ),
    "unbalanced_classes": (
        {"classes": 2, "effective": 1.1, "smallest": None, "largest": None, "advice": None}
        | {"thin": [], "more_thin": 0}
        | ENGLISH,
        ["Leave them out"],
    ),
    "too_few_images": (
        {"images": 20_000, "views": 6.67, "least_images": 100_000},
        ["20,000", "6.7 times", "100,000"],
    ),
    "too_many_views": (
        {"images": 9_000_000, "views": 3000.0, "max_views": 1000},
        ["9,000,000", "3,000 times", "1,000"],
    ),
    "large_batch": ({"batch_size": 64, "better_batch_size": 16}, ["of 64:", "of 16 learn"]),
    "mirroring": ({"dataset": "cats", "known": True}, ["'cats'", "do not look like"]),
    "not_timed": (
        {"machine": "worker kitchen", "worker": "kitchen", "device": "cpu"},
        ["worker kitchen (cpu)"],
    ),
    "extrapolated": ({"batch_size": 64, "timed_batch_size": 4}, ["of 64 take", "of 4."]),
    "busy_machine": (
        {"waiting_share": 0.78, "machine": "worker kitchen", "worker": "kitchen"},
        ["worker kitchen", "78%"],
    ),
    "too_little_memory": (
        {"needed_bytes": 9_000_000_000, "free_bytes": 8_000_000_000},
        ["9.0 GB", "8.0 GB"],
    ),
    "slow": (
        {"seconds": 20_000.0, "images_per_second": 35.0, "machine": "worker kitchen"}
        | {"worker": "kitchen", "device": "cpu"},
        ["5 h 33 min", "worker kitchen (cpu, 35 images a second)"],
    ),
    "checkpoints_thinned": ({"checkpoints": 1200, "kept": 50}, ["1,200", "50"]),
    "model_has_checkpoints": (
        {"model": "pets", "checkpoints": 3, "served": "c1", "served_reason": LOWEST}
        | {"start": "c2", "dataset": "cats", "next_served": "other_pictures"},
        ["'pets'", "3 checkpoints", "c1", "the lowest KID of 3", "0.42 (0.40 to 0.44)", "c2"],
    ),
}


def test_every_kind_has_a_sample() -> None:
    union, _ = get_args(TrainingWarning)
    assert [get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(union)] == list(
        SAMPLES
    )


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_sentence_has_the_figures_of_its_kind(kind: str) -> None:
    figures, written = SAMPLES[kind]
    adapter: TypeAdapter[TrainingWarning] = TypeAdapter(TrainingWarning)
    warning = adapter.validate_python({"kind": kind} | figures)
    assert [text for text in written if text not in warning.sentence()] == []


def test_a_served_checkpoint_has_a_reason_of_every_kind() -> None:
    reasons = {
        kind: LOWEST.model_copy(update={"kind": kind, "kid": LOWEST.kid if "kid" in kind else None})
        for kind in ("set_by_hand", "newest", "newest_imported", "lowest_kid")
    }
    phrases = [reason.phrase() for reason in reasons.values()]
    assert len(set(phrases)) == len(phrases)
    assert phrases[-1].endswith("at 1,000 images")
