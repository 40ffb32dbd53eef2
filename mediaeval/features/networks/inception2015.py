"""Inception of 2015-12-05, whose `pool_3` vectors YouTube-8M was made from: the front end of feature Y.

The graph `classify_image_graph_def.pb` of Google's archive inception-2015-12-05, in PyTorch with the weights of
mseitzer/pytorch-fid (whose keys are torchvision's). It is torchvision's Inception v3 with other pooling branches:
averages do not count the border that padding adds, and the last block takes a maximum. timm's and torchvision's own
weights belong to the port of 2016: other networks. B images.
"""

from functools import partial

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d
from torchvision.models import inception

CLASSES = 1008


def _average(x: Tensor) -> Tensor:
    """Return the averages over 3 × 3 neighbours, (B, c, h, w), without the border that padding adds."""
    return avg_pool2d(x, 3, 1, 1, count_include_pad=False)


class _BlockA(inception.InceptionA):
    """The blocks at 35 × 35."""

    def _forward(self, x: Tensor) -> list[Tensor]:
        *branches, _ = super()._forward(x)
        return [*branches, self.branch_pool(_average(x))]


class _BlockC(inception.InceptionC):
    """The blocks at 17 × 17."""

    def _forward(self, x: Tensor) -> list[Tensor]:
        *branches, _ = super()._forward(x)
        return [*branches, self.branch_pool(_average(x))]


class _BlockE(inception.InceptionE):
    """The two blocks at 8 × 8: the first averages, the second (2048 channels in) takes the maximum."""

    def __init__(self, in_channels: int):
        super().__init__(in_channels)
        self.pool = partial(max_pool2d, kernel_size=3, stride=1, padding=1) if in_channels == 2048 else _average

    def _forward(self, x: Tensor) -> list[Tensor]:
        *branches, _ = super()._forward(x)
        return [*branches, self.branch_pool(self.pool(x))]


def inception2015() -> inception.Inception3:
    """Return the network without weights: pixels −1..1 RGB, (B, 3, 299, 299) → `pool_3`, (B, 2048)."""
    network = inception.Inception3(
        num_classes=CLASSES,
        aux_logits=False,
        transform_input=False,
        init_weights=False,  # the file's weights overwrite them
        inception_blocks=[
            inception.BasicConv2d,
            _BlockA,
            inception.InceptionB,
            _BlockC,
            inception.InceptionD,
            _BlockE,
            inception.InceptionAux,
        ],
    )
    network.fc = nn.Identity()
    return network
