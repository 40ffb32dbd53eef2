"""Published tables, run again: our figures beside the published ones, a file per table. Nothing heavy is imported here.

To add a table, add an entry, a file of that name with a function `run`, which returns a `table.TableReport`, and a
command of that name in `mediaeval.cli.experiment`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Experiment:
    """One published table: a summary, and who published it.

    `use`: extractors when --use is not given; empty: the five of the 2021 papers. `weights`: the names that
    `--weights NAME=FILE` accepts, and what each file is.
    """

    summary: str
    source: str
    use: str = ""
    weights: Mapping[str, str] = field(default_factory=dict)


_MVSO = "a CaffeNet fine-tuned from DeepSentiBank on adjective-noun pairs in {} (MVSO, Columbia University, DVMM)"
_LANGUAGES = {
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "de": "German",
    "zh": "Chinese",
}

EXPERIMENTS: dict[str, Experiment] = {
    "smap2021": Experiment(
        "accuracy of single features and their combination on image-sentiment sets",
        "Pournaras et al. 2021, SMAP, Table II",
    ),
    "certh2021": Experiment(
        "weighted F1 of the three subtasks on the validation and the test images",
        "Pournaras et al. 2021, MediaEval, Table 2",
    ),
    "campos2017": Experiment(
        "accuracy of CaffeNet on TwitterI: fine-tuned, layer by layer, truncated, from nine initialisations",
        "Campos, Jou and Giró-i-Nieto 2017, Tables 2 to 6",
        weights={
            "caffenet": "bvlc_reference_caffenet.caffemodel of Caffe's model zoo",
            "places": "places205CNN_iter_300000_upgraded.caffemodel of PlacesCNN",
            "deepsentibank": "caffe_sentibank_train_iter_250000 of DeepSentiBank",
            **{f"mvso-{code}": _MVSO.format(language) for code, language in _LANGUAGES.items()},
        },
    ),
    "multigap2020": Experiment(
        "accuracy of Multi-GAP and its variants on the eight emotions of FI",
        "Lim et al. 2020 (Multi-GAP), Table 1 and Figure 4",
        use="deepsentibank",
        weights={
            "object": "torchvision's or timm's MobileNetV2; without one, torchvision's published file",
            "places": "vgg16_places365.caffemodel, or vgg16-places365_weights_tf_dim_ordering_tf_kernels.h5",
        },
    ),
    "attention2019": Experiment(
        "accuracy of AlexNet with attention on the eight emotions of FI",
        "Agarwal 2019 (attention AlexNet), chapter 3",
        weights={
            "alexnet": "bvlc_alexnet.caffemodel of Caffe's model zoo",
            "caffenet": "bvlc_reference_caffenet.caffemodel of Caffe's model zoo",
        },
    ),
}
