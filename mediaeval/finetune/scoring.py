"""The scores that a system's network gives to pixels, in batches of one size."""

import numpy as np
import torch
from torch import Tensor, nn

from mediaeval.batches import padded

EVAL_BATCH = 16  # images per batch; the last one is padded


def scores_of(network: nn.Module, pixels: np.ndarray, vectors: np.ndarray | None = None) -> Tensor:
    """Return the scores of pixels, uint8 (n, crop, crop, 3), in float32 on the CPU, (n, n_labels).

    `vectors`: float32 (n, width), where the network reads such. The network is in eval mode; batches of EVAL_BATCH.
    """
    device = next(network.parameters()).device
    found = []
    with torch.inference_mode():
        for start in range(0, len(pixels), EVAL_BATCH):
            some = pixels[start : start + EVAL_BATCH]
            beside = (
                None if vectors is None else torch.from_numpy(padded(vectors[start : start + EVAL_BATCH], EVAL_BATCH))
            )
            x = torch.from_numpy(padded(some, EVAL_BATCH)).to(device).permute(0, 3, 1, 2).float()
            scores = network(x, None if beside is None else beside.to(device))
            found.append(scores[: len(some)].float().cpu())
    return torch.cat(found)
