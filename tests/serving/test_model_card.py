"""The card says what the generator is, and quotes nothing that an import brought unchecked."""

from dataclasses import replace
from typing import Any

from bundle_files import METRICS_OF_CATS, lineage_of
from weight_files import TINY, tiny_checkpoint

from app.serving.model_card import model_card
from models.onnx_generator import LICENCE


def card(metrics: dict[str, Any] | None = METRICS_OF_CATS, **lineage: Any) -> str:
    return model_card(lineage_of(tiny_checkpoint(), **lineage), metrics, 64, "cats-c1.zip")


def test_a_card_describes_the_model_its_training_its_scores_and_its_use() -> None:
    text = card()
    assert text.startswith("# cats\n\nA generator of 28×28 grey images.")
    assert "![Images of the seeds 0 to 63](samples.png)" in text
    assert "| images seen | 1,000 |" in text
    assert f"dataset `kittens`, 3,000 images, content hash `{'ab' * 32}`" in text
    assert "| kid | 0.0123 | 0.001 | kernel distance" in text
    assert "| precision | 0.7 | 0.9 | share" in text
    assert "`moggy-1`" in text
    assert LICENCE in text
    assert "moggy model import cats-c1.zip --name cats" in text
    assert "continued from" not in text
    assert "| imported |" not in text


def test_what_is_not_known_is_said() -> None:
    text = card(None, dataset=None)
    assert "This checkpoint has no scores." in text
    assert "| training images | not known |" in text


def test_the_start_of_a_fine_tuning_is_named_also_once_it_is_deleted() -> None:
    start = {"checkpoint": "c0", "model": "dogs", "sha256": None, "images_seen": 5}
    assert "| continued from | checkpoint `c0` of model `dogs` |" in card(resumed_from=start)
    deleted = card(resumed_from=start | {"model": None})
    assert "| continued from | checkpoint `c0`, which has been deleted |" in deleted


def test_classes_are_listed_and_cannot_break_the_markdown() -> None:
    names = ("a`b", "line\nbreak", *(f"class {number}" for number in range(30)))
    config = replace(TINY, classes=names, conditional=True).to_json()
    text = card(config=config)
    assert "each of one of 32 classes: `a'b`, `line break`, `class 0`" in text
    assert "`class 17` and 12 more." in text


def test_an_imported_dataset_is_quoted_only_if_it_has_a_valid_name() -> None:
    text = card(
        dataset={"name": "[click](http://example.com)", "images": 1},
        imported={"dataset": None},
    )
    assert "example.com" not in text
    assert "| training images | not known |" in text
    assert "| imported | yes: scores and training images are those" in text
    strange = card({"kid": 1, "embedding": "a|b`", "floor": [], "real": None}, dataset=7)
    assert "(`a/b'`)" in strange
