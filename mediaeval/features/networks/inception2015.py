"""Inception of 2015-12-05, whose `pool_3` vectors YouTube-8M was made from: the front end of feature Y.

The graph `classify_image_graph_def.pb` of Google's archive inception-2015-12-05, in PyTorch with the weights of
mseitzer/pytorch-fid (whose keys are torchvision's). It is torchvision's Inception v3 with other pooling branches:
averages do not count the border that was added, and the last block takes a maximum. timm's and torchvision's own
weights belong to the port of 2016: other networks. B images.
"""

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d
from torchvision.models import inception

CLASSES = 1008
SIDE = 299  # pixels


def _with_border_left_out(block: type[nn.Module]) -> type[nn.Module]:
    """Return the block with a pooling branch that divides by the number of real neighbours."""

    class Block(block):
        def _forward(self, x: Tensor) -> list[Tensor]:
            *branches, _ = super()._forward(x)
            return [*branches, self.branch_pool(self._pool(x))]

        def _pool(self, x: Tensor) -> Tensor:
            return avg_pool2d(x, 3, 1, 1, count_include_pad=False)

    return Block


class _LastBlock(_with_border_left_out(inception.InceptionE)):
    """The two blocks at 8 × 8: the first averages, the second (2048 channels in) takes the maximum."""

    def __init__(self, in_channels: int):
        super().__init__(in_channels)
        self.takes_maximum = in_channels == 2048

    def _pool(self, x: Tensor) -> Tensor:
        return max_pool2d(x, 3, 1, 1) if self.takes_maximum else super()._pool(x)


def inception2015() -> inception.Inception3:
    """Return the network without weights: pixels −1..1 RGB, (B, 3, 299, 299) → `pool_3`, (B, 2048)."""
    network = inception.Inception3(
        num_classes=CLASSES,
        aux_logits=False,
        transform_input=False,
        init_weights=False,  # about to be overwritten
        inception_blocks=[
            inception.BasicConv2d,
            _with_border_left_out(inception.InceptionA),
            inception.InceptionB,
            _with_border_left_out(inception.InceptionC),
            inception.InceptionD,
            _LastBlock,
            inception.InceptionAux,
        ],
    )
    network.fc = nn.Identity()
    return network


def resize(pixels: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Resize RGB pixels 0..255, (h, w, 3) → float32 (side, side, 3), as TensorFlow 1 did.

    Bilinear between the pixels at place · h / side: corners are not aligned, pixels have no half-pixel centres, and
    nothing is smoothed before it is made smaller. Libraries of today all do otherwise, and features follow.
    """
    pixels = pixels.astype(np.float32)
    for axis in (0, 1):
        length = pixels.shape[axis]
        place = np.arange(side, dtype=np.float32) * np.float32(length / side)
        low = np.minimum(place.astype(np.int64), length - 1)
        high = np.minimum(low + 1, length - 1)
        share = (place - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        below, above = pixels.take(low, axis), pixels.take(high, axis)
        pixels = below + (above - below) * share
    return pixels


def normalise(pixels: np.ndarray) -> np.ndarray:
    """Return pixels 0..255, (side, side, 3), as the graph feeds itself: (x − 128) / 128, float32 (3, side, side)."""
    return np.ascontiguousarray(((pixels - 128) / 128).transpose(2, 0, 1), dtype=np.float32)
