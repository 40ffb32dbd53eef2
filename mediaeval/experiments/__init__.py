"""Published tables, run again: what was printed, what we get. A file a table; this list imports nothing heavy.

A newcomer adds an entry, a file of this name with `run`, which returns a `table.Report`, and a command of this name in
`mediaeval.cli.experiment`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Experiment:
    """One published table: what it is in a sentence, and who printed it.

    `use`: extractors without --use; empty: the five of the papers of 2021. `weights`: what `--weights NAME=FILE` may
    name, and what each file is.
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
        "Pournaras et al. 2021, SMAP (seed 001), Table II",
    ),
    "certh2021": Experiment(
        "weighted F1 of the three subtasks on the validation and the test images",
        "Pournaras et al. 2021, MediaEval (seed 000), Table 2",
    ),
    "campos2017": Experiment(
        "accuracy of CaffeNet on TwitterI: fine-tuned, layer by layer, cut short, from nine initialisations",
        "Campos, Jou and Giró-i-Nieto 2017 (seed 002), Tables 2 to 6",
        weights={
            "caffenet": "bvlc_reference_caffenet.caffemodel of Caffe's model zoo",
            "places": "places205CNN_iter_300000_upgraded.caffemodel of PlacesCNN",
            "deepsentibank": "caffe_sentibank_train_iter_250000 of DeepSentiBank",
            **{f"mvso-{code}": _MVSO.format(language) for code, language in _LANGUAGES.items()},
        },
    ),
    "multigap2020": Experiment(
        "accuracy of Multi-GAP and its variants on the eight emotions of FI",
        "Multi-GAP (seed 003), Table 1 and Figure 4",
        use="deepsentibank",
        weights={
            "object": "torchvision's or timm's MobileNetV2; without one, torchvision's published file",
            "places": "vgg16_places365.caffemodel, or vgg16-places365_weights_tf_dim_ordering_tf_kernels.h5",
        },
    ),
    "attention2019": Experiment(
        "accuracy of AlexNet with attention on the eight emotions of FI",
        "attention AlexNet (seed 004), chapter 3",
        weights={
            "alexnet": "bvlc_alexnet.caffemodel of Caffe's model zoo",
            "caffenet": "bvlc_reference_caffenet.caffemodel of Caffe's model zoo",
        },
    ),
}
