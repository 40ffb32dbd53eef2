"""The runs that tests of reports and analyses share: made once in a test session."""

import json
from pathlib import Path

from mediaeval.files import file_digest
from tests.conftest import Recipe

_ON_COLOURS = ("--data", "devset", "--set", 'features.use=["handcrafted"]')
RECIPE = Recipe(
    dev=60,
    test=18,
    commands=(
        ("train", "all", "--run", "first", *_ON_COLOURS, "--set", "classifier=logistic"),
        # the same seed gives the same split and folds
        ("train", "all", "--run", "second", *_ON_COLOURS, "--set", "classifier=kernel"),
        ("train", "subtask1", "--run", "alone", *_ON_COLOURS, "--set", "classifier=logistic", "--folds", "0"),
        ("predict", "first", "--data", "testset"),
    ),
)


def exported(job: Path, thresholds: dict[str, dict[str, float]], run: str = "first") -> str:
    """Return thresholds.json as the page of a report exports it."""
    digest = file_digest(job / "runs" / run / "manifest.json")
    return json.dumps({"format": 1, "run": run, "digest": digest, "thresholds": thresholds})
