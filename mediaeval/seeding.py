"""torch's global random generators, seeded within a block and restored after it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators, which initialisation and dropout draw from, and restore them on leaving.

    `device`: where the block computes; the generator of a GPU is seeded only if that is one. A GPU without a number is
    torch's current one.
    """
    gpus = [torch.cuda.current_device() if device.index is None else device.index] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed: that would seed every device
        for gpu in gpus:
            torch.cuda.default_generators[gpu].manual_seed(seed)
        yield
