"""Settings as nobody should write them: in a full tree, values and tables are replaced by others of another kind."""

import datetime
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from mediaeval.config import Config, load_config, parse_config
from mediaeval.errors import ConfigError
from mediaeval.toml_text import require_plausible
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

TASK = VISUAL_SENTIMENT_2021
Place = tuple[str | int, ...]

VALUES: tuple[Any, ...] = (
    *(True, False, 0, -1, 1, 2, 7, 10**18, -(10**18), 2**63 - 1, 2**64, 10**5000, -(10**400)),
    *(0.0, -0.0, 0.5, 1e308, -1e308, 5e-324, float("nan"), float("inf"), -float("inf")),
    *("", " ", "x", "timm", "moe", "tuned", "\0", "\x1b[31m", "\u202e", "\udce9", "a/../b", "../" * 40, "ä" * 5000),
    *([], [[]], [1, "x"], [0.5] * 3, [None], ["handcrafted"] * 2, {}, {"name": "timm"}, {"name": 3}, {"": 1}),
    *(datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), datetime.time(1)),
    *({"a": {"b": {"c": 1}}}, {"model": {"model": "x"}}, {"checkpoint_path": "x.pth"}),
)


def full_tree() -> dict[str, Any]:
    """Return a valid configuration in which every section and many kinds of settings are written."""
    sets = ["subtask2.system=timm", "subtask2.system.weights=w.pth", "subtask2.system.mean=[0.5, 0.5, 0.5]"]
    tree = load_config(task=TASK, preset="certh2021", sets=sets).to_dict()
    tree["extractors"] = {
        "mine": {
            "kind": "timm",
            "model": "resnet18",
            "model_args": {"drop_rate": 0.1},
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "image_size": 224,
            "width": 512,
        },
        "boxes": {"kind": "objects", "model_args": {"objects": 10, "score": 0.5}},
        "graph": {"kind": "objectgraphs", "source": "resnet152_11k", "parts": {"detector": "d.pth"}},
    }
    return tree


def places(tree: Any, place: Place = ()) -> Iterator[Place]:
    """Yield where every table, list and value of a tree is."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*place, key)
        yield from places(value, (*place, key))


def replaced(tree: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    """Return a copy of a tree with another value in one place."""
    copy = deepcopy(tree)
    table: Any = copy
    for key in place[:-1]:
        table = table[key]
    table[place[-1]] = value
    return copy


def mutated(tree: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Return a copy of a tree with one to three changes: other values, names, values removed or exchanged."""
    for _ in range(rng.randint(1, 3)):
        place, other = (rng.choice(list(places(tree))) for _ in range(2))
        table: Any = tree
        for key in place[:-1]:
            table = table[key]
        kind = rng.randrange(4)
        if kind == 0 and isinstance(table, dict):
            tree = replaced(tree, (*place[:-1], rng.choice(["", "x", "name", "kind", "\0", "é" * 300])), 1)
        elif kind == 1 and isinstance(table, dict):
            tree = deepcopy(tree)
            table = tree
            for key in place[:-1]:
                table = table[key]
            del table[place[-1]]
        elif kind == 2:
            value: Any = tree
            for key in other:
                value = value[key]
            tree = replaced(tree, place, deepcopy(value))
        else:
            tree = replaced(tree, place, rng.choice(VALUES))
    return tree


def outcome(tree: dict[str, Any]) -> Config | ConfigError:
    """Return what a tree of settings comes to; any other exception is raised."""
    try:
        require_plausible(tree, "mediaeval.toml")
        config = parse_config(tree, TASK, "mediaeval.toml")
        parse_config(config.to_dict(), TASK, "run.toml")  # what is recorded is read again
    except ConfigError as error:
        return error
    return config
