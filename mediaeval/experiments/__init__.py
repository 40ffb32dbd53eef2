"""Published tables, run again: what was printed, what we get. A file a table; this list imports nothing heavy.

A newcomer adds an entry and a file with `run`, which returns a `table.Report`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Experiment:
    """One published table: the module that runs it, what it is in a sentence, and who printed it.

    `options`: those of the command that not every experiment takes. `use`: extractors without --use; empty: the five
    of the papers of 2021. `weights`: what `--weights NAME=FILE` may name, and what each file is.
    """

    path: str  # "module"
    summary: str
    source: str
    options: tuple[str, ...]
    use: str = ""
    weights: Mapping[str, str] = field(default_factory=dict)


_SYSTEMS = ("--dataset", "--weights", "--random-weights", "--rows", "--splits")  # of those that train networks
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
        "mediaeval.experiments.smap2021",
        "accuracy of single features and their combination on image-sentiment sets",
        "Pournaras et al. 2021, SMAP (seed 001), Table II",
        ("--dataset", "--use", "--engine"),
    ),
    "certh2021": Experiment(
        "mediaeval.experiments.certh2021",
        "weighted F1 of the three subtasks on the validation and the test images",
        "Pournaras et al. 2021, MediaEval (seed 000), Table 2",
        ("--data", "--test", "--truth", "--use", "--engine"),
    ),
    "campos2017": Experiment(
        "mediaeval.experiments.campos2017",
        "accuracy of CaffeNet on TwitterI: fine-tuned, layer by layer, cut short, from nine beginnings",
        "Campos, Jou and Giró-i-Nieto 2017 (seed 002), Tables 2 to 6",
        _SYSTEMS,
        weights={
            "caffenet": "bvlc_reference_caffenet.caffemodel of Caffe's model zoo",
            "places": "places205CNN_iter_300000_upgraded.caffemodel of PlacesCNN",
            "deepsentibank": "caffe_sentibank_train_iter_250000 of DeepSentiBank",
            **{f"mvso-{code}": _MVSO.format(language) for code, language in _LANGUAGES.items()},
        },
    ),
    "multigap2020": Experiment(
        "mediaeval.experiments.multigap2020",
        "accuracy of Multi-GAP and its variants on the eight emotions of FI",
        "Multi-GAP (seed 003), Table 1 and Figure 4",
        (*_SYSTEMS, "--use", "--engine"),
        use="deepsentibank",
        weights={
            "object": "torchvision's or timm's MobileNetV2; without one, torchvision's published file",
            "places": "vgg16_places365.caffemodel, or vgg16-places365_weights_tf_dim_ordering_tf_kernels.h5",
        },
    ),
    "attention2019": Experiment(
        "mediaeval.experiments.attention2019",
        "accuracy of AlexNet with attention on the eight emotions of FI",
        "attention AlexNet (seed 004), chapter 3",
        _SYSTEMS,
        weights={
            "alexnet": "bvlc_alexnet.caffemodel of Caffe's model zoo",
            "caffenet": "bvlc_reference_caffenet.caffemodel of Caffe's model zoo",
        },
    ),
}
