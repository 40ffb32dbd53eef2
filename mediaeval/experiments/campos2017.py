"""Tables 2 to 6 of Campos, Jou and Giró-i-Nieto 2017: CaffeNet fine-tuned on TwitterI, and probed layer by layer.

    group            rows                                                          trained on each fold
    fine-tuning      CaffeNet, with and without oversampling; PCNN is cited        CaffeNet
    layers           an SVM and softmax regression on each of 13 layers            nothing more: that network is read
    ablation         the new layer in place of fc7 or of fc6                       two
    initialisation   CaffeNet initialised from nine weight files                   eight more
    fc9              the new layer on top of the classes, of CaffeNet and MVSO-EN  two

Accuracy 0..1 over the authors' folds: five of equal size after one shuffle. A probe is trained on its fold's training
images, with the network of that fold; its C is chosen among them, whereas the authors' script chooses it on the test
folds. On the 4- and 3-agree sets only the rows of the paper are run, unless --rows names others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mediaeval.config import Config
from mediaeval.experiments.datasets.splits import Split
from mediaeval.experiments.inputs import Source, TableColumn
from mediaeval.experiments.systems import (
    Choices,
    Initialisations,
    Plan,
    PublishedTable,
    by_protocol,
    initialise,
    run_table,
)
from mediaeval.experiments.table import TableReport
from mediaeval.experiments.trainings import PLAIN, TEN_CROPS, Answers, Reading, TableRow, Training, read_crops
from mediaeval.features.images import Images
from mediaeval.features.networks.caffenet import classes_of, read_caffenet
from mediaeval.finetune.model import SystemModel
from mediaeval.finetune.pixels import decoded
from mediaeval.finetune.scoring import EVAL_BATCH
from mediaeval.finetune.settings import CaffeNetSettings
from mediaeval.interpret.activations import Batch, gram_matrices
from mediaeval.interpret.linear_probes import KINDS, Fold, run_probe

NAME = "campos2017"
COLUMNS = ("twitter1-5", "twitter1-4", "twitter1-3")
PROTOCOL = "folds"
AUTHORS_PROTOCOLS = ("folds", "shipped")  # their procedure, and their own lists
# BGR, 0..255, as in scripts that use Places205's networks; places205CNN_mean.npy itself was not available
PLACES_MEAN = (105.90887, 114.06384, 116.28284)
WEIGHT_FILES = {
    "caffenet": "CaffeNet",
    "places": "PlacesCNN",
    "deepsentibank": "DeepSentiBank",
    "mvso-en": "MVSO [EN]",
    "mvso-es": "MVSO [ES]",
    "mvso-fr": "MVSO [FR]",
    "mvso-it": "MVSO [IT]",
    "mvso-de": "MVSO [DE]",
    "mvso-zh": "MVSO [ZH]",
}
CLASSES = {"caffenet": 1000, "mvso-en": 4342}  # of fc8, according to the paper

# As published: mean and standard deviation over five folds
TUNED = {
    "twitter1-5": ((0.817, 0.038), (0.830, 0.034)),
    "twitter1-4": ((0.782, 0.033), (0.787, 0.039)),
    "twitter1-3": ((0.739, 0.033), (0.749, 0.037)),
}
PCNN = {"twitter1-5": 0.783, "twitter1-4": 0.714, "twitter1-3": 0.687}
LAYERS = {  # SVM, softmax
    "fc8": ((0.820, 0.055), (0.821, 0.046)),
    "fc7": ((0.814, 0.040), (0.814, 0.044)),
    "fc6": ((0.804, 0.031), (0.810, 0.038)),
    "pool5": ((0.784, 0.020), (0.786, 0.022)),
    "conv5": ((0.776, 0.025), (0.779, 0.034)),
    "conv4": ((0.794, 0.026), (0.781, 0.020)),
    "conv3": ((0.752, 0.033), (0.748, 0.029)),
    "norm2": ((0.735, 0.025), (0.737, 0.021)),
    "pool2": ((0.732, 0.019), (0.729, 0.022)),
    "conv2": ((0.735, 0.019), (0.738, 0.030)),
    "norm1": ((0.706, 0.032), (0.712, 0.031)),
    "pool1": ((0.674, 0.045), (0.680, 0.035)),
    "conv1": ((0.667, 0.049), (0.670, 0.032)),
}
ABLATION = {"fc7-2": ((0.784, 0.024), (0.797, 0.021)), "fc6-2": ((0.651, 0.044), (0.676, 0.029))}
INITIALISATION = {  # without oversampling, with
    "caffenet": ((0.817, 0.038), (0.830, 0.034)),
    "places": ((0.823, 0.025), (0.823, 0.026)),
    "deepsentibank": ((0.804, 0.019), (0.806, 0.019)),
    "mvso-en": ((0.839, 0.029), (0.844, 0.026)),
    "mvso-es": ((0.833, 0.024), (0.844, 0.026)),
    "mvso-fr": ((0.825, 0.019), (0.828, 0.012)),
    "mvso-it": ((0.838, 0.020), (0.838, 0.012)),
    "mvso-de": ((0.837, 0.025), (0.837, 0.033)),
    "mvso-zh": ((0.797, 0.024), (0.806, 0.020)),
}
FC9 = {"caffenet": ((0.795, 0.023), (0.803, 0.034)), "mvso-en": ((0.702, 0.067), (0.694, 0.060))}
FC9_TITLES = {"caffenet": "CaffeNet-fc9", "mvso-en": "MVSO-EN-fc9"}


def _both(
    group: str, title: str, training: str, published: Sequence[tuple[float, float]], column: str = COLUMNS[0]
) -> list[TableRow]:
    """Return the rows of one network: on the centre crop of the images, and on ten crops."""
    plain, ten = ({column: numbers} for numbers in published)
    return [
        TableRow(group, title, ((training, PLAIN),), plain),
        TableRow(group, f"{title} with oversampling", ((training, TEN_CROPS),), ten),
    ]


def rows() -> list[TableRow]:
    """Return the rows of the paper's tables, in their order; rows of one network share its training."""
    plain, ten = ({column: TUNED[column][k] for column in COLUMNS} for k in (0, 1))
    found = [
        TableRow("fine-tuning", "PCNN", (), {column: (accuracy, None) for column, accuracy in PCNN.items()}),
        TableRow("fine-tuning", "fine-tuned CaffeNet", (("caffenet", PLAIN),), plain),
        TableRow("fine-tuning", "fine-tuned CaffeNet with oversampling", (("caffenet", TEN_CROPS),), ten),
    ]
    for layer, published in LAYERS.items():
        for kind, numbers in zip(KINDS, published, strict=True):
            title = f"{layer} {'SVM' if kind == 'svm' else kind}"
            found.append(TableRow("layers", title, (("caffenet", f"{layer} {kind}"),), {COLUMNS[0]: numbers}))
    for form, published in ABLATION.items():
        found += _both("ablation", form, f"caffenet-{form}", published)
    for name, published in INITIALISATION.items():
        found += _both("initialisation", f"from {WEIGHT_FILES[name]}", name, published)
    for name, published in FC9.items():
        found += _both("fc9", FC9_TITLES[name], f"{name}-fc9", published)
    return found


def plans() -> dict[str, Plan]:
    """Return the networks of the tables: name → system, settings and weight file."""
    means = {"places": {"mean": PLACES_MEAN}}
    found = {name: Plan("caffenet", means.get(name, {}), {name: "weights"}) for name in WEIGHT_FILES}
    found |= {f"caffenet-{form}": Plan(f"caffenet-{form}", {}, {"caffenet": "weights"}) for form in ABLATION}
    return found | {f"{name}-fc9": Plan("caffenet-fc9", {"classes": CLASSES[name]}, {name: "weights"}) for name in FC9}


def published_as(column: str) -> str:
    """Return whose published figures belong beside a column: those of TwitterI, if it is split as by the authors."""
    name, _, protocol = column.partition(":")
    return name if name in COLUMNS and protocol in AUTHORS_PROTOCOLS else ""


def runs_on(column: str, row: TableRow) -> bool:
    """Return whether a row is run on a column (see `published_as`): on the 4- and 3-agree sets, the published rows."""
    return column in row.published or column not in COLUMNS[1:]


def run(config: Config, sources: Sequence[Source], choices: Choices) -> TableReport:
    """Train and test the chosen rows on every dataset; see `systems.run_table`."""
    table = PublishedTable(
        NAME,
        "Tables 2 to 6 of Campos, Jou and Giró-i-Nieto 2017",
        0.01,
        3,
        rows(),
        plans(),
        COLUMNS,
        published_as,
        runs_on,
    )
    initialisations = _with_classes(initialise(table, choices))
    notes = [
        "C of a probe is chosen in five folds of its training images; the authors' script chooses it on the test folds",
        "published deviations: the paper does not say whether they are divided by 5 or by 4",
    ]
    folder = Path(config.features.store)
    read = partial(read_layers, folder=folder, device=choices.device, seed=config.seed)
    sources = by_protocol(sources, dict.fromkeys(COLUMNS, PROTOCOL))
    return run_table(table, initialisations, config, sources, choices, read=read, notes=notes).report


def _with_classes(initialisations: Initialisations) -> Initialisations:
    """Return the initialisations with the number of classes below fc9 that its weight file has."""
    trainings = dict(initialisations.trainings)
    for name, training in trainings.items():
        settings = training.settings
        if training.system != "caffenet-fc9" or not isinstance(settings, CaffeNetSettings):
            continue
        if settings.init == "pretrained":
            state = read_caffenet(Path(settings.weights), f"system '{training.system}'", "after-pool")
            with_classes = settings.model_copy(update={"classes": classes_of(state)})
            trainings[name] = Training(training.system, with_classes)
    return replace(initialisations, trainings=trainings)


def read_layers(
    model: SystemModel,
    column: TableColumn,
    split: Split,
    readings: set[str],
    answers: Answers,
    *,
    folder: Path,
    device: str,
    seed: int,
) -> Reading:
    """Return a network's probabilities of the test images, and what probes of its layers predict, as 0 and 1.

    `folder`: where activations are written temporarily. Readings of probes are called "LAYER KIND".
    """
    found = dict(read_crops(model, column, split, readings, answers))
    probes = {tuple(reading.split(" ")): reading for reading in readings - set(found)}
    if not probes:
        return found
    train, test = sorted(split.train), sorted(split.test)
    images = Images((*train, *test), column.paths)
    labels = column.labels.loc[list(images.ids)].to_numpy()
    fold = Fold(np.arange(len(train)), np.arange(len(train), len(labels)))
    folder.mkdir(parents=True, exist_ok=True)
    layers = list(dict.fromkeys(layer for layer, _ in probes))
    grams = gram_matrices(
        model.built,
        layers,
        lambda: _batches(model, images),
        len(images.ids),
        folder=folder,
        device=torch.device(device),
    )
    for layer, gram in grams:
        for kind in [kind for kind in KINDS if (layer, kind) in probes]:
            probe = run_probe(
                kind,
                gram.matrix,
                labels,
                [fold],
                multi_label=False,
                groups=[column.groups.get(i, i) for i in images.ids],
                seed=seed,
            )
            if probe.unconverged:
                answers.notes.append(f"{layer} {kind}: {probe.unconverged} of {probe.fits} fits did not converge")
            found[probes[layer, kind]] = pd.DataFrame(probe.answers[0], index=test, columns=list(column.task.labels))
    return found


def _batches(model: SystemModel, images: Images) -> Iterator[Batch]:
    pixels: Iterator[np.ndarray] = (square for _, square in decoded(images, model.pixels))
    while batch := list(islice(pixels, EVAL_BATCH)):
        yield np.stack(batch), None
