"""What messages are made of: the nearest name, and the first few of many."""

import pytest

from mediaeval.errors import (
    ConfigError,
    choose,
    first_few,
    first_line,
    first_problems,
    is_gpu_lost,
    is_out_of_memory,
)


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b", "c"], "a, b, c"),
        ("abcdefg", "a, b, c … and 4 more"),
        (range(5), "0, 1, 2 … and 2 more"),
    ],
)
def test_many_names_are_shortened_in_one_line(items, text):
    assert first_few(items) == text


def test_many_problems_are_shortened_to_a_count():
    assert first_problems(["a", "b"]) == ["a", "b"]
    assert first_problems(list("abcdefg"), 5) == ["a", "b", "c", "d", "e", "… and 2 more"]


def test_an_unknown_name_is_refused_with_the_nearest():
    assert choose("preset", "default", ["default", "open2026"]) == "default"
    with pytest.raises(ConfigError, match=r"unknown preset 'defalt'\. Did you mean 'default'\? Known: default, o"):
        choose("preset", "defalt", ["default", "open2026"])
    with pytest.raises(ConfigError, match=r"unknown preset 'x'\. Known: default"):
        choose("preset", "x", ["default"])


def test_the_first_line_of_an_error_or_its_kind():
    assert first_line(ValueError(" no\nmore")) == "no"
    assert first_line(ValueError()) == "ValueError"


# torch's own words, of 2.11; the class is looked at by its name, since torch is not imported for it
AcceleratorError = type("AcceleratorError", (RuntimeError,), {})


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be …"), "lost"),
        (AcceleratorError("the device is gone"), "lost"),
        (RuntimeError("No CUDA GPUs are available"), "lost"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."), "memory"),
        (AcceleratorError("CUDA error: out of memory"), "memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "memory"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "neither"),
        (OSError("CUDA error: a file of this name"), "neither"),
    ],
)
def test_a_lost_gpu_and_short_memory_are_told_apart(error, what):
    assert (is_gpu_lost(error), is_out_of_memory(error)) == (what == "lost", what == "memory")
