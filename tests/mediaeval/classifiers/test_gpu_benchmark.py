"""The benchmark of the heads on a GPU, with a few images where there is none."""

import pytest

from benchmarks.gpu_heads import HEADER, TINY, rows

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_the_product_is_compared_with_the_usual_loop():
    *header, moe, dense, other, total = rows(True, TINY)
    assert tuple(header) == HEADER
    for line, name in ((moe, "subtask1, moe"), (dense, "subtask2, dense"), (other, "subtask3, dense")):
        what, plain, mixed, product, ratio, f1, same = (cell.strip() for cell in line.strip("|").split("|"))
        assert what == f"{name}, 48 × 24, an epoch"
        assert min(float(plain), float(mixed)) / float(product) == pytest.approx(float(ratio), rel=0.2, abs=0.1)
        assert all(0 <= float(score) <= 1 for score in f1.split(","))
        assert same == "same bytes"
    assert total.startswith("| **fit and refit of all three, ")
