"""The scores that a system's network gives to pixels, in batches of one size for a kind of device."""

import numpy as np
import torch
from torch import Tensor, nn

from mediaeval.batches import padded

EVAL_BATCH = 16  # images per batch on a processor; the last one is padded
EVAL_BATCH_ON_GPU = 128


def eval_batch(device: torch.device) -> int:
    """Return the number of images per batch on a device."""
    return EVAL_BATCH_ON_GPU if device.type == "cuda" else EVAL_BATCH


def scores_of(network: nn.Module, pixels: np.ndarray, vectors: np.ndarray | None = None) -> Tensor:
    """Return the scores of a network, which is in eval mode: float32 (n, n_labels), on the CPU.

    pixels   uint8 (n, crop, crop, 3)
    vectors  float32 (n, width), if the network reads any
    """
    return scores_on_device(network, pixels, vectors).cpu()


def scores_on_device(network: nn.Module, pixels: np.ndarray, vectors: np.ndarray | None = None) -> Tensor:
    """Return the scores of a network, which is in eval mode: float32 (n, n_labels), where the network is.

    As `scores_of`, but a GPU is not waited for.
    """
    device = next(network.parameters()).device
    size = eval_batch(device)

    def batch(rows: np.ndarray, start: int) -> Tensor:
        return torch.from_numpy(padded(rows[start : start + size], size)).to(device, non_blocking=True)

    found = []
    with torch.inference_mode():
        for start in range(0, len(pixels), size):
            x = batch(pixels, start).permute(0, 3, 1, 2).float()
            scores = network(x, None if vectors is None else batch(vectors, start))
            found.append(scores[: len(pixels) - start].float())
    return torch.cat(found)
