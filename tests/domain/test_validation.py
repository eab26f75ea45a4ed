"""Validation errors reach the user in our words, not in pydantic's."""

import datetime
import enum
import uuid
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.domain.validation import explain_error, known_fields

RAW = ("Input should", "Extra inputs", "Field required", "Value error", "Assertion failed")


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    weight: float
    seed: int | None = None


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    class_name: Annotated[str | None, Field(alias="class")] = None
    parts: list[Part] | None = None


def refuse(value: Any) -> Any:
    raise ValueError(f"{value} is a day off")


def error_of(kind: Any, value: object) -> Any:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    return caught.value.errors()[0]


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (int, "many", "'many' is not a whole number"),
        (int, 8.5, "8.5 is not a whole number"),
        (Annotated[int, Field(strict=True)], True, "true is not a whole number"),
        (int, "9" * 5000, f"'{'9' * 100}…' is too large"),
        (float, "x", "'x' is not a number"),
        (Annotated[float, Field(allow_inf_nan=False)], "inf", "'inf' is not a finite number"),
        (Annotated[float, Field(le=60)], "nan", "'nan' is not a finite number"),
        (bool, "perhaps", "'perhaps' is not true or false"),
        (str, None, "null is not text"),
        (list[int], {}, "an object is not a list"),
        (dict[str, int], [1], "a list is not an object"),
        (Annotated[int, Field(ge=1)], 0, "0 is too small: the minimum is 1"),
        (Annotated[float, Field(gt=0)], 0.0, "0.0 is too small: it must be more than 0"),
        (Annotated[float, Field(le=60.0)], 61, "61 is too large: the maximum is 60"),
        (Annotated[int, Field(lt=9)], 9, "9 is too large: it must be less than 9"),
        (Annotated[int, Field(multiple_of=4)], 6, "6 is not a multiple of 4"),
        (Annotated[str, Field(min_length=1)], "", "'' is too short: the minimum length is 1"),
        (
            Annotated[list[int], Field(max_length=1)],
            [1, 2],
            "a list is too long: the maximum number of items is 1",
        ),
        (Literal["png", "webp"], "bmp", "'bmp' is not one of png, webp"),
        (Colour, "green", "'green' is not one of red, blue"),
        (Annotated[str, Field(pattern="^a$")], "b", "'b' is not a name: one a"),
        (Annotated[int, AfterValidator(refuse)], 7, "7 is a day off"),
        (Body, {}, "it is missing, and must be given"),
        (Body, [], "a list is not an object"),
    ],
)
def test_an_error_names_the_value_and_what_is_allowed(
    kind: Any, value: object, message: str
) -> None:
    assert explain_error(error_of(kind, value), (), {"^a$": "a name: one a"}) == message


@pytest.mark.parametrize("kind", [datetime.date, datetime.timedelta, uuid.UUID, bytes, None])
def test_other_errors_do_not_quote_pydantics_wording(kind: Any) -> None:
    message = explain_error(error_of(kind, ["x"]))
    assert message.startswith("a list is")
    assert not any(raw in message for raw in RAW)


def test_an_unknown_field_is_answered_with_the_nearest_and_all_known_fields() -> None:
    value = {"name": "cats", "parts": [{"wieght": 1, "weight": 1}]}
    below = error_of(Body, value)
    assert explain_error(below, known_fields(Body, below["loc"])) == (
        "there is no such field: did you mean weight? The fields are: seed, weight"
    )
    above = error_of(Body, {"name": "cats", "klass": "tabby"})
    assert explain_error(above, known_fields(Body, above["loc"])) == (
        "there is no such field: did you mean class? The fields are: class, name, parts"
    )


class Long(list[int]):
    def __repr__(self) -> str:
        raise AssertionError("a list of millions takes a second to write out")


@pytest.mark.parametrize("kind", [Annotated[list[int], Field(max_length=2)], int, list[str]])
def test_a_long_list_is_not_formatted_for_its_error(kind: Any) -> None:
    assert explain_error(error_of(kind, Long([1, 2, 3])))
