"""Inception of 2015-12-05, whose `pool_3` vectors YouTube-8M was made from: the front end of feature Y.

The graph `classify_image_graph_def.pb` of Google's archive inception-2015-12-05, in PyTorch with the weights of
mseitzer/pytorch-fid (whose keys are torchvision's). It is torchvision's Inception v3 with other pooling branches:
averages do not count the border that was added, and the last block takes a maximum. timm's and torchvision's own
weights belong to the port of 2016: other networks. B images.
"""

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d
from torchvision.models import inception

CLASSES = 1008


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
