"""CaffeNet fine-tuned for sentiment in the four forms of Campos, Jou and Giró-i-Nieto 2017 (sections 3.1, 3.3, 3.5).

    form     layers behind pool5                          parameters for 2 labels
    fc8      fc6 4096 → fc7 4096 → fc8                     56,876,418
    fc7-2    fc6 4096 → fc7                                40,095,106
    fc6-2    fc6                                            2,352,514
    fc9      fc6 4096 → fc7 4096 → fc8 classes → fc9       60,967,226, with the 1,000 classes of ImageNet

The last layer is new; the others come from any file of CaffeNet's shape: CaffeNet, Places205, DeepSentiBank, MVSO.
"""

from pathlib import Path

from torch import Tensor

from mediaeval.errors import WeightsError
from mediaeval.features.kinds.caffenet import SIDE, SQUASHED
from mediaeval.features.networks.caffenet import DENSE, CaffeNet, blobs, classes_of, load_caffenet, read_caffenet
from mediaeval.features.windows import OPENCV
from mediaeval.finetune.network import BgrCentred, SystemNetwork, View
from mediaeval.finetune.settings import CaffeNetSettings, OfCaffe

_FILES = (
    "bvlc_reference_caffenet.caffemodel of Caffe's model zoo, places205CNN_iter_300000_upgraded.caffemodel, "
    "caffe_sentibank_train_iter_250000 (DeepSentiBank), a model of MVSO, or a state dict with the layers' names"
)


class PixelCaffeNet(CaffeNet):
    """Pixels RGB 0..255, (n, 3, 227, 227) → scores (n, n_labels)."""

    def forward(self, pixels: Tensor, vectors: Tensor | None = None) -> Tensor:
        return super().forward(pixels)


def build(settings: CaffeNetSettings, n_labels: int, width: int, *, pretrained: bool) -> SystemNetwork:
    """Build CaffeNet with a new last layer, weights N(0, 0.01) and biases 0, in the place given by `settings.form`.

    Raises WeightsError for a file that is absent, damaged, of another network or, for fc9, has another number of
    classes than the settings.
    """
    owner = "system 'caffenet'" if settings.form == "fc8" else f"system 'caffenet-{settings.form}'"
    dense = {
        "fc8": (4096, 4096, n_labels),
        "fc7-2": (4096, n_labels),
        "fc6-2": (n_labels,),
        "fc9": (4096, 4096, settings.classes, n_labels),
    }[settings.form]
    new = DENSE[len(dense) - 1]
    state = _read(settings, owner) if pretrained and settings.init == "pretrained" else None
    network = PixelCaffeNet(dense, relu8=settings.relu, first=BgrCentred(settings.mean))
    if state is not None:
        load_caffenet(network, state, owner, settings.weights, new=(new,))
    taps = blobs(network)
    trained = [name for name, layer in network.named_children() if name != "first" and list(layer.parameters())]
    return SystemNetwork(
        network=network,
        view=view_of(settings),
        new=(f"{new}.",) if settings.init == "pretrained" else ("",),
        taps=taps,
        maps={name: taps[name] for name in reversed(taps) if name.startswith("conv")},
        layers={f"{name}.{part}": k for k, name in enumerate(trained) for part in ("weight", "bias")},
    )


def view_of(settings: OfCaffe) -> View:
    """Return how images become the pixels of a network of Caffe's."""
    return View(SQUASHED, SIDE, OPENCV if settings.resize == "caffe" else "bilinear", squash=True)


def _read(settings: CaffeNetSettings, owner: str) -> dict[str, Tensor]:
    """Return the tensors of the file that the settings name. Raises WeightsError where it is absent or does not fit."""
    path = Path(settings.weights)
    if not settings.weights or not path.is_file():
        got = f"{path}, which does not exist" if settings.weights else "no file"
        raise WeightsError(
            f"{owner}: system.weights: got {got}; expected {_FILES}. Name one under system.weights, or begin with "
            "random weights: system.init = 'random'."
        )
    state = read_caffenet(path, owner, "after-pool")
    if settings.form == "fc9" and (there := classes_of(state)) != settings.classes:
        raise WeightsError(
            f"{owner}: fc8 of {path} has {there} classes; expected {settings.classes}, as in system.classes. Set "
            f"system.classes = {there}, or name another file."
        )
    return state
