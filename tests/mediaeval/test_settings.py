"""Settings: what a value may be is read from the model, for messages and for the reference."""

import math
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from mediaeval.errors import ConfigError
from mediaeval.settings import (
    PathText,
    PositiveTriple,
    Settings,
    Triple,
    WholeNumbers,
    expected_in_words,
    parse_settings,
    path_settings,
    properties,
    range_in_words,
    type_in_words,
)


class Walk(Settings):
    """A walk."""

    pace: float = Field(default=5.0, gt=0, le=12)
    days: int = Field(default=1, ge=1)
    share: float = Field(default=0.5, ge=0, lt=1)
    legs: WholeNumbers = (3, 4)
    view: Literal["sea", "hill"] = "sea"
    rest: Annotated[int, Field(ge=1)] | Literal["never"] = "never"
    stop: int | None = Field(default=None, ge=1, le=9)
    start: Triple | None = None
    end: PositiveTriple = (1, 1, 1)
    map: PathText = ""
    dog: bool = False
    bag: dict[str, Any] = Field(default_factory=dict)
    sides: list[Literal["left", "right"]] = Field(default=["left"])
    name: str


@pytest.mark.parametrize(
    ("name", "kind", "allowed", "expected"),
    [
        ("pace", "number", "above 0 and of at most 12", "a number above 0 and of at most 12"),
        ("days", "whole number", "of at least 1", "a whole number of at least 1"),
        ("share", "number", "of at least 0 and below 1", "a number of at least 0 and below 1"),
        ("legs", "list of whole numbers", "of at least 1", "a list of whole numbers of at least 1"),
        ("view", "choice", "'sea' or 'hill'", "'sea' or 'hill'"),
        ("rest", "whole number or choice", "of at least 1, or 'never'", "a whole number of at least 1, or 'never'"),
        ("stop", "whole number", "from 1 to 9", "a whole number from 1 to 9"),
        ("start", "three numbers", "", "three numbers, such as [0.5, 0.5, 0.5]"),
        ("end", "three numbers", "above 0", "three numbers above 0, such as [0.5, 0.5, 0.5]"),
        ("map", "path", "", "a path"),
        ("dog", "true or false", "", "true or false"),
        ("bag", "table", "", "a table"),
        ("sides", "list of choices", "'left' or 'right'", "a list of 'left' or 'right'"),
        ("name", "string", "", "a string"),
    ],
)
def test_type_and_range_are_read_from_the_model(name, kind, allowed, expected):
    schema = properties(Walk)[name]
    assert (type_in_words(schema), range_in_words(schema), expected_in_words(schema)) == (kind, allowed, expected)


WRONG = {
    "pace": (0, -1, 12.5, math.nan, math.inf, "5", True),
    "days": (0, 1.5, 2.0, True, "2"),
    "share": (-0.1, 1, math.nan),
    "legs": (3, [1, 0], [1.5]),
    "view": ("sky", 3),
    "rest": (0, "often", 1.5),
    "stop": (0, 10),
    "start": ([1, 2], [1, 2, "3"], [1, 2, True], [1], "1", True),
    "end": ([1, 2, 0], [1, 2]),
    "map": (3,),
    "dog": (1, "true"),
    "bag": ([1], "x"),
    "sides": ("left", ["up"]),
    "name": (3, None),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_value_that_does_not_fit_is_reported_with_what_was_expected(name, value):
    with pytest.raises(ConfigError) as caught:
        parse_settings(Walk, {"name": "x", name: value}, "walk")
    expected = expected_in_words(properties(Walk)[name])
    assert caught.value.problems == (f"walk.{name}: got {value!r}; expected {expected}.",)


def test_one_number_is_that_of_all_channels():
    walk = parse_settings(Walk, {"name": "x", "start": 0.5, "end": 2}, "walk")
    assert (walk.start, walk.end) == ((0.5, 0.5, 0.5), (2.0, 2.0, 2.0))


def test_all_problems_are_reported_at_once_with_the_nearest_setting():
    with pytest.raises(ConfigError) as caught:
        parse_settings(Walk, {"pase": 3, "days": 0, "view": "sky"}, "walk", reference="walks")
    assert sorted(caught.value.problems) == [
        "unknown setting 'walk.pase'. Did you mean 'pace'? Known: "
        f"{', '.join(Walk.model_fields)}. What they mean: mediaeval ls settings walks",
        "walk.days: got 0; expected a whole number of at least 1.",
        "walk.name is not set; expected a string.",
        "walk.view: got 'sky'; expected 'sea' or 'hill'.",
    ]


@pytest.mark.parametrize("value", [3, "fast", ["pace"]])
def test_what_is_not_a_table_is_reported(value):
    with pytest.raises(ConfigError, match=r"^walk: got .*; expected a table of settings\.$"):
        parse_settings(Walk, value, "walk")


def test_lists_are_read_as_tuples_and_whole_numbers_as_numbers():
    walk = parse_settings(Walk, {"name": "x", "legs": [1, 2], "start": [1, 2.5, 3], "pace": 4}, "walk")
    assert (walk.legs, walk.start, walk.pace) == ((1, 2), (1.0, 2.5, 3.0), 4.0)


def test_paths_are_known_by_their_type():
    assert path_settings(Walk) == ("map",)


class Pack(Settings):
    """What is carried."""

    bags: int = Field(default=1, ge=1, examples=[2])
    letter: PathText = ""


class Journey(Settings):
    """A walk with a pack."""

    days: int = 1
    pack: Pack = Pack()


def test_settings_of_a_table_within_are_named_with_it():
    assert list(properties(Journey)) == ["days", "pack.bags", "pack.letter"]
    assert path_settings(Journey) == ("pack.letter",)
    with pytest.raises(ConfigError) as caught:
        parse_settings(Journey, {"pack": {"bags": 0, "bag": 1}, "pick": {}}, "trip", beside=["name"])
    assert sorted(caught.value.problems) == [
        "trip.pack.bags: got 0; expected a whole number of at least 1, such as 2.",
        "unknown setting 'trip.pack.bag'. Did you mean 'bags'? Known: bags, letter.",
        "unknown setting 'trip.pick'. Known: days, pack.bags, pack.letter, name.",
    ]
    with pytest.raises(ConfigError, match=r"^trip.pack: got 3; expected a table\.$"):
        parse_settings(Journey, {"pack": 3}, "trip")
