"""Randomness that torch draws from its global generators, seeded for a while and left as found."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Within, torch's global generators (initialisation, dropout) start from `seed`; after, they are as before."""
    cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if cuda else []):
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed: that would seed every device
        if cuda:
            torch.cuda.manual_seed(seed)
        yield
