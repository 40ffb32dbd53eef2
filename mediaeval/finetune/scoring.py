"""The scores that a system's network gives to pixels, in batches of one size."""

import numpy as np
import torch
from torch import Tensor, nn

from mediaeval.batches import padded

EVAL_BATCH = 16  # images per batch; the last one is padded


def scores_of(network: nn.Module, pixels: np.ndarray, vectors: np.ndarray | None = None) -> Tensor:
    """Return the scores of a network, which is in eval mode: float32 (n, n_labels), on the CPU.

    pixels   uint8 (n, crop, crop, 3)
    vectors  float32 (n, width), if the network reads any
    """
    device = next(network.parameters()).device

    def batch(rows: np.ndarray, start: int) -> Tensor:
        return torch.from_numpy(padded(rows[start : start + EVAL_BATCH], EVAL_BATCH)).to(device)

    found = []
    with torch.inference_mode():
        for start in range(0, len(pixels), EVAL_BATCH):
            x = batch(pixels, start).permute(0, 3, 1, 2).float()
            scores = network(x, None if vectors is None else batch(vectors, start))
            found.append(scores[: len(pixels) - start].float().cpu())
    return torch.cat(found)
