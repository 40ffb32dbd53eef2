"""The benchmark of fine-tuning on a GPU, with a tiny network where there is none."""

import pytest

from benchmarks.gpu_finetune import HEADER, TINY, rows

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_the_product_is_compared_with_its_own_step():
    *header, line = rows(True, TINY)
    assert tuple(header) == HEADER
    what, product, step, ratio, waiting, seconds = (cell.strip() for cell in line.strip("|").split("|"))
    assert what.startswith("test_efficientnet.r160_in1k at 32, batches of 8, 2 epochs of 32 images, ")
    of_step = float(product.replace(",", "")) / float(step.replace(",", ""))
    assert float(ratio.rstrip("%")) == pytest.approx(of_step * 100, abs=2)
    assert 0 <= float(waiting.rstrip("%")) <= 100
    assert float(seconds) > 0
