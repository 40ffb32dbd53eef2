"""The runs that tests of reports and analyses share: made once in a test session."""

from tests.conftest import Recipe

_ON_COLOURS = ("--data", "devset", "--set", 'features.use=["handcrafted"]')
_SAME_SPLIT = ("--split", "runs/first/split.csv")
RECIPE = Recipe(
    dev=60,
    test=18,
    commands=(
        ("train", "all", "--run", "first", *_ON_COLOURS, "--set", "classifier=logistic"),
        (
            "train",
            "all",
            "--run",
            "second",
            *_ON_COLOURS,
            "--set",
            "classifier=kernel",
            "--split",
            "runs/first/split.csv",
        ),
        ("train", "subtask1", "--run", "alone", *_ON_COLOURS, "--set", "classifier=logistic", "--folds", "0"),
        ("predict", "first", "--data", "testset"),
    ),
)
