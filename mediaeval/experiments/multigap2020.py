"""Table 1 and Figure 4 of Lim et al. 2020 (Multi-GAP), and the test on WebEMO: accuracy in per cent, emotions of FI.

    group       rows
    table       ten: streams O (objects), P (places) and ANP scores; Bi-GRU, attention; early and late fusion
    truncation  MG + Bi-GRU + Att with the first four, three, two blocks and one, trained separately
    cited       what the paper compares itself with

Late fusion is the mean of the softmax outputs of networks that the other rows train. FI is split 80/5/15 at random; the
paper does not say what the 5 % are for. Here the number of epochs is fixed, and they are neither trained nor tested on.

With `--dataset webemo=FOLDER`, MG on O and on P, trained on FI, are tested on its seven middle classes. The paper does
not say how eight emotions map to seven; MIDDLE_OF_FI is our mapping, and its figures are not comparable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mediaeval.config import Config
from mediaeval.errors import ConfigError, DatasetError, LabelFileError, WeightsError
from mediaeval.experiments.accuracy import mean_accuracy
from mediaeval.experiments.blocks import block_settings, stand_ins
from mediaeval.experiments.datasets.splits import Split
from mediaeval.experiments.inputs import Source, TableColumn, load_column, try_build
from mediaeval.experiments.systems import (
    Choices,
    Initialisations,
    Plan,
    PublishedTable,
    TableRun,
    initialise,
    run_table,
)
from mediaeval.experiments.table import TableCell, TableReport
from mediaeval.experiments.trainings import PLAIN, Answers, Reading, TableRow, predicted, read_crops
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.finetune.model import SystemModel
from mediaeval.finetune.systems.gap_weights import object_file

NAME = "multigap2020"
COLUMN = "fi"
WEBEMO = "webemo"
DETECTORS = ("deepsentibank", "mvso_en")  # extractors that give scores of adjective-noun pairs

# Title → networks whose probabilities are averaged, and accuracy in per cent, as published
TABLE = {
    "MG (O)": (("O",), 63.70),
    "MG (P)": (("P",), 59.21),
    "MLP (ANP)": (("ANP",), 47.37),
    "MG + Bi-GRU (O)": (("O + Bi-GRU",), 63.40),
    "MG + Bi-GRU + Att (O)": (("O + Bi-GRU + Att",), 63.46),
    "MG + Bi-GRU + Att (P)": (("P + Bi-GRU + Att",), 58.40),
    "MG EF (O+P+ANP)": (("EF",), 64.30),
    "MG LF (O+P+ANP)": (("O", "P", "ANP"), 63.48),
    "MG LF (O+P)": (("O", "P"), 64.00),
    "MG + Bi-GRU + Att LF (O+P)": (("O + Bi-GRU + Att", "P + Bi-GRU + Att"), 63.76),
}
CITED = {"You et al. 2016": 58.30, "EOC-CNN": 64.87, "MldrNet": 65.23}
FALL = {"O": -8.21, "P": -6.26}  # from three blocks to two, in points; other values are only in the figure
ON_WEBEMO = {"O": 46.45, "P": 42.25}

STREAMS = {"O": "object", "P": "places"}
WEIGHTS = {"O": {"object": "object_weights"}, "P": {"places": "places_weights"}}

# WEBEmo's middle classes (Panda et al. 2018), and our assignment of FI's emotions to them
MIDDLE_OF_WEBEMO = {
    fine: middle
    for middle, names in {
        "love": "affection gratitude lust",
        "joy": "cheerfulness contentment enthrallment optimism pride relief zest",
        "confusion": "confusion",
        "sadness": "disappointment neglect sadness shame suffering sympathy",
        "anger": "disgust envy exasperation irritability rage",
        "fear": "horror nervousness",
        "surprise": "surprise",
    }.items()
    for fine in names.split()
}
MIDDLE_OF_FI = {
    "amusement": "joy",
    "anger": "anger",
    "awe": "surprise",
    "contentment": "joy",
    "disgust": "anger",
    "excitement": "joy",
    "fear": "fear",
    "sadness": "sadness",
}


def _truncated(stream: str, blocks: int) -> tuple[str, str]:
    """Return title and network of the row with the first `blocks` blocks."""
    gaps = "GAP 1" if blocks == 1 else f"GAP 1-{blocks}"
    return f"{gaps} ({stream})", f"{stream} + Bi-GRU + Att {gaps}"


def rows() -> list[TableRow]:
    """Return the rows: Table 1, the truncations of Figure 4, and what the paper cites."""
    found = [
        TableRow("table", title, tuple((name, PLAIN) for name in names), {COLUMN: (accuracy, None)})
        for title, (names, accuracy) in TABLE.items()
    ]
    for stream in STREAMS:
        for title, name in (_truncated(stream, blocks) for blocks in (4, 3, 2, 1)):
            found.append(TableRow("truncation", title, ((name, PLAIN),), note=f"of MG + Bi-GRU + Att ({stream})"))
    return found + [TableRow("cited", title, (), {COLUMN: (accuracy, None)}) for title, accuracy in CITED.items()]


def plans(anp: str) -> dict[str, Plan]:
    """Return the networks of the table. `anp`: the extractor of ANP scores."""
    found = {name: Plan("multigap", {"streams": [stream]}, WEIGHTS[name]) for name, stream in STREAMS.items()}
    found["ANP"] = Plan("multigap", {"streams": [], "anp": anp})
    found["O + Bi-GRU"] = _of_stream("O", sequence="gru")
    for stream in STREAMS:
        found[f"{stream} + Bi-GRU + Att"] = _of_stream(stream, sequence="gru-attention")
        for blocks in (4, 3, 2, 1):
            name = _truncated(stream, blocks)[1]
            found[name] = _of_stream(stream, sequence="gru-attention", blocks=blocks)
    found["EF"] = Plan("multigap", {"streams": list(STREAMS.values()), "anp": anp}, WEIGHTS["O"] | WEIGHTS["P"])
    return found


def _of_stream(stream: str, **own: Any) -> Plan:
    return Plan("multigap", {"streams": [STREAMS[stream]], **own}, WEIGHTS[stream])


def run(config: Config, sources: Sequence[Source], choices: Choices) -> TableReport:
    """Train and test the chosen rows on every dataset but WEBEmo; see `systems.run_table`.

    `config.features.use`: one extractor, of ANP scores. Raises ConfigError for several.
    """
    anp, *others = config.features.use
    if others:
        raise ConfigError(f"--use {','.join(config.features.use)}: expected one extractor, of ANP scores.")
    webemo, sources = ([s for s in sources if (s.set_name == WEBEMO) == it] for it in (True, False))
    if not sources:
        raise DatasetError(f"{WEBEMO} is only used for testing. Give a set to train on: --dataset fi=FOLDER.")
    if len(webemo) > 1:
        raise ConfigError(f"--dataset {webemo[1].name} is given twice: all of {WEBEMO} is tested, however it is split.")
    table = PublishedTable(NAME, "Table 1 and Figure 4 of Multi-GAP 2020", 1, 2, rows(), plans(anp), (COLUMN,))
    initialisations = initialise(table, choices, _published_object(table, choices))
    reads = any(training.settings.extractors() for training in initialisations.trainings.values())
    networks, absent = try_build([anp], config, choices.device) if reads else ([], {})
    initialisations = _without(initialisations, absent)
    web, unread = _load_webemo(webemo, config, choices)
    ran = run_table(
        table,
        initialisations,
        config,
        sources,
        choices,
        networks=networks,
        read=partial(_read, web=web),
        extra=[(name, WEBEMO) for name in ON_WEBEMO if web and name in initialisations.trainings],
        fine=True,
        notes=[
            "the validation part is neither trained nor tested on: the number of epochs is fixed",
            *(_anp_notes(config, networks[0]) if networks else ()),
            *(f"no ANP scores, hence no rows with them: {reason}" for reason in absent.values()),
            *(f"{WEBEMO}: {note}" for note in (web.notes if web else ())),
        ],
        settings=block_settings(config, networks) if networks else {},
    )
    report = replace(ran.report, results=_with_falls(ran.report.results))
    if not webemo:
        return report
    tested = _on_webemo(ran, web, initialisations, config.seed) if web else []
    if not tested:
        why = unread or "nothing was trained on the eight emotions of FI"
        tested = [TableCell(NAME, "every row", WEBEMO, note=f"skipped: {why}")]
    about = f"{web.about}; seven classes, by networks trained on FI" if web else "not read"
    columns = report.columns | {WEBEMO: about}
    return replace(report, results=[*report.results, *tested], columns=columns)


def _published_object(table: PublishedTable, choices: Choices) -> dict[str, Path]:
    """Return torchvision's MobileNetV2, if it is needed, not given, and available."""
    needed = any("object" in plan.needs for plan in table.needs(choices).values())
    if not needed or choices.random_weights or "object" in choices.weights:
        return {}
    try:
        return {"object": object_file("")}
    except WeightsError:
        return {}  # notes of the rows report that the file is absent


def _without(initialisations: Initialisations, absent: Mapping[str, str]) -> Initialisations:
    """Return the initialisations without networks that need extractors in `absent`: extractor → why it is absent."""
    why = {
        name: f"no weights of {extractor}"
        for name, training in initialisations.trainings.items()
        for extractor in training.settings.extractors()
        if extractor in absent
    }
    trainings = {name: training for name, training in initialisations.trainings.items() if name not in why}
    return replace(initialisations, trainings=trainings, absent={**initialisations.absent, **why})


def _anp_notes(config: Config, network: FeatureExtractor) -> list[str]:
    """Return a note on which network's ANP scores these are, or what stands in for them."""
    if network.name not in DETECTORS:
        return [f"{network.name} stands in for ANP scores: figures with ANP are not comparable"]
    if differs := stand_ins(config).get(network.name):
        return [f"{network.name} is a stand-in ({differs}): figures with ANP are not comparable"]
    return [f"ANP scores: {network.width} of {network.name}; the paper does not say which it used, nor how many"]


def _with_falls(results: Sequence[TableCell]) -> list[TableCell]:
    """Return the cells, with the loss from three blocks to two noted beside the loss in the paper."""
    ours = {(r.column, r.row): r.ours for r in results}

    def with_fall(r: TableCell) -> TableCell:
        for stream, published in FALL.items():
            before, after = (_truncated(stream, blocks)[0] for blocks in (3, 2))
            if r.row == after:
                three = ours.get((r.column, before))
                fall = "" if three is None or r.ours is None else f"{r.ours - three:+.2f} points from GAP 1-3; "
                return replace(r, note=f"{r.note}; {fall}published {published:+.2f}")
        return r

    return [with_fall(r) for r in results]


def _load_webemo(sources: Sequence[Source], config: Config, choices: Choices) -> tuple[TableColumn | None, str]:
    """Return WEBEmo with its 25 classes, or None and why it could not be read."""
    try:
        columns = [load_column(s, config, [], skip_bad=choices.skip_bad, fine=True) for s in sources]
    except (DatasetError, LabelFileError) as error:
        return None, " ".join(error.problems)
    return (columns[0], "") if columns else (None, "")


def _read(
    model: SystemModel,
    column: TableColumn,
    split: Split,
    readings: set[str],
    answers: Answers,
    *,
    web: TableColumn | None,
) -> Reading:
    """Return a network's probabilities of the test images and, where it predicts FI's emotions, of WEBEmo's images."""
    found = dict(read_crops(model, column, split, readings, answers))
    if WEBEMO in readings and web and set(column.task.labels) == set(MIDDLE_OF_FI):
        found[WEBEMO] = predicted(model, web, [i for i in web.labels.index if i not in web.features.failures])
    return found


def _on_webemo(ran: TableRun, web: TableColumn, initialisations: Initialisations, seed: int) -> list[TableCell]:
    """Return two cells per network: on all seven classes, and on those that FI's emotions map to."""
    truth = web.labels.idxmax(axis=1).map(MIDDLE_OF_WEBEMO)
    results = []
    for column, answers in ran.answers.items():
        for name in ON_WEBEMO:
            tables = answers.tables.get((ran.same.get(name, name), WEBEMO))
            if not tables:
                continue
            common = ran.columns[column].labels.loc[list(ran.columns[column].splits[0].train)].sum().idxmax()
            for classes in ("all", "reached"):
                ids = tables[0].index
                labels = truth[ids] if classes == "all" else truth[ids][truth[ids].isin(set(MIDDLE_OF_FI.values()))]
                if labels.empty:
                    continue
                predictions = [table.loc[labels.index].idxmax(axis=1).map(MIDDLE_OF_FI) for table in tables]
                hit = np.stack([(one == labels).to_numpy() for one in predictions], axis=1)
                ours, low, high = mean_accuracy(np.ones_like(hit), hit, np.random.default_rng(seed))
                note = f"trained on {column}; published {ON_WEBEMO[name]:.2f}, with a mapping that is not published"
                if classes == "reached":
                    note = f"trained on {column}; without images of love and confusion, to which no emotion of FI maps"
                if initialisations.trainings[name].settings.init == "random":
                    note += f"; random weights: {name}"
                always = 100 * float((labels == MIDDLE_OF_FI[common]).mean())
                title = f"MG ({name}), {'seven classes' if classes == 'all' else 'five classes'}"
                results.append(TableCell(NAME, title, WEBEMO, ours, low, high, always, None, len(labels), note))
    return results
