"""The examples in the docstrings of submission give what they show."""

import doctest
import importlib
import pkgutil

import pytest

import submission

MODULES = [module.name for module in pkgutil.walk_packages(submission.__path__, "submission.")]


@pytest.mark.parametrize("name", [name for name in MODULES if name != "submission.__main__"])
def test_the_examples_of_a_module_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    examples = [
        test for name in ("task", "wording") for test in finder.find(importlib.import_module(f"submission.{name}"))
    ]
    assert sum(len(test.examples) for test in examples) >= 4
