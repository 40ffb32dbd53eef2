"""Published tables of systems: which rows there are, what was printed of them, how they are chosen and scored."""

import csv
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mediaeval.errors import ConfigError
from mediaeval.experiments import EXPERIMENTS, attention2019, campos2017, multigap2020
from mediaeval.experiments.accuracy import hits, split_accuracies
from mediaeval.experiments.datasets.splits import Split
from mediaeval.experiments.inputs import POLARITY, Source, TableColumn, read_weights
from mediaeval.experiments.systems import by_protocol
from mediaeval.experiments.table import TableCell, TableReport
from mediaeval.experiments.trainings import Answers, TableRow, Training, choose_rows, first_equals, results_of
from mediaeval.finetune import SYSTEMS, settings_of

pytestmark = pytest.mark.integration

# What was printed, as the fact sheet has it (H3, H4, H5)

FINE_TUNING = """
PCNN .783/.714/.687
fine-tuned CaffeNet .817±.038/.782±.033/.739±.033
fine-tuned CaffeNet with oversampling .830±.034/.787±.039/.749±.037
"""
LAYERS = """
fc8 .820±.055 .821±.046
fc7 .814±.040 .814±.044
fc6 .804±.031 .810±.038
pool5 .784±.020 .786±.022
conv5 .776±.025 .779±.034
conv4 .794±.026 .781±.020
conv3 .752±.033 .748±.029
norm2 .735±.025 .737±.021
pool2 .732±.019 .729±.022
conv2 .735±.019 .738±.030
norm1 .706±.032 .712±.031
pool1 .674±.045 .680±.035
conv1 .667±.049 .670±.032
"""
PAIRS = """
fc7-2 .784±.024/.797±.021
fc6-2 .651±.044/.676±.029
from CaffeNet .817±.038/.830±.034
from PlacesCNN .823±.025/.823±.026
from DeepSentiBank .804±.019/.806±.019
from MVSO [EN] .839±.029/.844±.026
from MVSO [ES] .833±.024/.844±.026
from MVSO [FR] .825±.019/.828±.012
from MVSO [IT] .838±.020/.838±.012
from MVSO [DE] .837±.025/.837±.033
from MVSO [ZH] .797±.024/.806±.020
CaffeNet-fc9 .795±.023/.803±.034
MVSO-EN-fc9 .702±.067/.694±.060
"""
MULTIGAP = """
MG (O) 63.70
MG (P) 59.21
MLP (ANP) 47.37
MG + Bi-GRU (O) 63.40
MG + Bi-GRU + Att (O) 63.46
MG + Bi-GRU + Att (P) 58.40
MG EF (O+P+ANP) 64.30
MG LF (O+P+ANP) 63.48
MG LF (O+P) 64.00
MG + Bi-GRU + Att LF (O+P) 63.76
You et al. 2016 58.30
EOC-CNN 64.87
MldrNet 65.23
"""


def numbers(text: str) -> list[tuple[float, float | None]]:
    """.817±.038/.782±.033 → [(.817, .038), (.782, .033)]"""
    parts = [part.split("±") for part in re.split("[/ ]", text)]
    return [(float(part[0]), float(part[1]) if len(part) > 1 else None) for part in parts]


def lines(text: str) -> dict[str, list[tuple[float, float | None]]]:
    found = (re.fullmatch(r"(.+?) ((?:\d*\.\d+[±/ ]?)+)", line).groups() for line in text.strip().splitlines())
    return {title: numbers(figures) for title, figures in found}


def test_campos_has_every_row_of_its_tables_with_what_was_printed():
    expected = {
        title: dict(zip(("twitter1-5", "twitter1-4", "twitter1-3"), figures, strict=True))
        for title, figures in lines(FINE_TUNING).items()
    }
    for layer, figures in lines(LAYERS).items():
        expected |= {f"{layer} SVM": {"twitter1-5": figures[0]}, f"{layer} softmax": {"twitter1-5": figures[1]}}
    for title, figures in lines(PAIRS).items():
        expected |= {title: {"twitter1-5": figures[0]}, f"{title} with oversampling": {"twitter1-5": figures[1]}}
    rows = campos2017.rows()
    assert [row.title for row in rows] == list(expected) and len(rows) == 3 + 26 + 4 + 18 + 4
    assert {row.title: row.published for row in rows} == expected


def test_multigap_and_attention_have_what_was_printed():
    rows = multigap2020.rows()
    assert {row.title: row.published["fi"][0] for row in rows if row.published} == {
        title: figures[0][0] for title, figures in lines(MULTIGAP).items()
    }
    truncated = [row.title for row in rows if row.group == "truncation"]
    assert truncated == [f"GAP {g} ({s})" for s in "OP" for g in ("1-4", "1-3", "1-2", "1")]
    assert multigap2020.FALL == {"O": -8.21, "P": -6.26} and multigap2020.ON_WEBEMO == {"O": 46.45, "P": 42.25}
    rows = {row.title: row for row in attention2019.rows()}
    assert [row.published["fi"][0] for row in rows.values() if row.published] == [54, 54, 58]
    assert all("partial training" in row.note for row in rows.values() if row.published.get("fi") == (54, None))


@pytest.mark.parametrize("module", [campos2017, multigap2020, attention2019])
def test_rows_read_networks_that_there_are_and_weights_that_can_be_named(module):
    plans = module.plans("deepsentibank") if module is multigap2020 else module.plans()
    rows = module.rows()
    titles = [row.title for row in rows]
    assert len(set(titles)) == len(titles) and not any("," in word for row in rows for word in (row.title, row.group))
    assert {name for row in rows for name, _ in row.answers} == set(plans)
    assert {need for plan in plans.values() for need in plan.needs} == set(EXPERIMENTS[module.NAME].weights)
    for plan in plans.values():
        settings_of({"name": plan.system, **plan.own, **dict.fromkeys(plan.needs.values(), "a file")})


def test_networks_are_those_of_the_papers():
    plans = multigap2020.plans("deepsentibank")
    built = {name: settings_of({"name": plan.system, **plan.own}) for name, plan in plans.items()}
    about = {name: (s.streams, s.blocks, s.sequence, s.anp) for name, s in built.items()}
    assert about["EF"] == (["object", "places"], 5, "none", "deepsentibank")
    assert about["ANP"] == ([], 5, "none", "deepsentibank") and about["O + Bi-GRU"] == (["object"], 5, "gru", "")
    assert about["P + Bi-GRU + Att GAP 1-3"] == (["places"], 3, "gru-attention", "")
    members = {row.title: [name for name, how in row.answers] for row in multigap2020.rows()}
    assert members["MG LF (O+P+ANP)"] == ["O", "P", "ANP"] and members["MG LF (O+P)"] == ["O", "P"]
    assert members["MG + Bi-GRU + Att LF (O+P)"] == ["O + Bi-GRU + Att", "P + Bi-GRU + Att"]
    # CaffeNet beside the attention networks learns as they do, in all that a recipe says
    plans = attention2019.plans()
    plain, attention = (
        settings_of({"name": plans[title].system, **plans[title].own}).model_dump()
        for title in (attention2019.PLAIN_TITLE, "attention (shared scorer)")
    )
    shared = set(plain) & set(attention) - {"weights"}
    assert {k: plain[k] for k in shared} == {k: attention[k] for k in shared} and plain["batch_size"] == 50
    assert SYSTEMS["caffenet"].defaults["batch_size"] != 50, "nothing here is CaffeNet's own recipe"


# Choosing


ROWS = [
    TableRow("tuning", "plain", (("a", "plain"),)),
    TableRow("tuning", "plain with more", (("a", "ten crops"),)),
    TableRow("layers", "fc6 SVM", (("a", "fc6 svm"),)),
    TableRow("layers", "fc6-2", (("b", "plain"),)),
]


@pytest.mark.parametrize(
    ("words", "titles"),
    [
        ([], ["plain", "plain with more", "fc6 SVM", "fc6-2"]),
        (["layers"], ["fc6 SVM", "fc6-2"]),
        (["tuning", "fc6-2"], ["plain", "plain with more", "fc6-2"]),
        (["svm", "MORE"], ["plain with more", "fc6 SVM"]),
        (["fc6", "fc6-2"], ["fc6 SVM", "fc6-2"]),
    ],
)
def test_rows_are_chosen_by_group_title_or_part(words, titles):
    assert [row.title for row in choose_rows(ROWS, words)] == titles


def test_words_that_are_no_rows_are_all_told():
    with pytest.raises(ConfigError) as caught:
        choose_rows(ROWS, ["fc7", "plain", "conv"])
    assert len(caught.value.problems) == 2
    assert "--rows fc7: selects no row; expected a group (tuning, layers) or a part" in caught.value.problems[0]


def test_weights_are_read_and_refused_together(tmp_path):
    (tmp_path / "a.caffemodel").touch()
    known = {"caffenet": "CaffeNet's file", "places": "that of Places"}
    assert read_weights([f"caffenet={tmp_path}/a.caffemodel"], known) == {"caffenet": tmp_path / "a.caffemodel"}
    with pytest.raises(ConfigError) as caught:
        read_weights(["caffenet", "cafenet=x", "places=nowhere", f"caffenet={tmp_path}/a.caffemodel"] * 2, known)
    told = "\n".join(caught.value.problems)
    assert "--weights caffenet: expected NAME=FILE; NAME is one of caffenet, places" in told
    assert "Did you mean 'caffenet'" in told and "nowhere does not exist. Expected that of Places" in told
    assert "caffenet is given twice" in told


def test_equal_networks_are_trained_once():
    random = settings_of({"name": "caffenet", "init": "random"})
    other = settings_of({"name": "caffenet", "init": "random", "lr": 0.5})
    trainings = {
        "a": Training("caffenet", random),
        "b": Training("caffenet", random.model_copy()),
        "c": Training("caffenet", other),
        "d": Training("caffenet-fc6-2", random),
    }
    assert first_equals(trainings) == {"a": "a", "b": "a", "c": "c", "d": "d"}


def test_the_papers_protocol_is_taken_where_none_is_named():
    here = Path("x")
    sources = [Source("twitter1-5", here), Source("twitter1-4:hold-out", here), Source("mine", here)]
    named = by_protocol(sources, {"twitter1-5": "folds", "twitter1-4": "folds"})
    assert [s.name for s in named] == ["twitter1-5:folds", "twitter1-4:hold-out", "mine"]
    published = [campos2017.published_as(n) for n in ("twitter1-5:folds", "twitter1-5:shipped", "twitter1-5:hold-out")]
    assert published == ["twitter1-5", "twitter1-5", ""] and campos2017.published_as("mine") == ""
    with pytest.raises(ConfigError, match="twitter1-5:folds is given twice"):
        by_protocol([Source("twitter1-5", here), Source("twitter1-5:folds", here)], {"twitter1-5": "folds"})


# Numbers


def column(n=40, splits=2) -> TableColumn:
    ids = [f"i{k}" for k in range(n)]
    positive = np.arange(n) % 4 > 0
    labels = pd.DataFrame({"negative": ~positive, "positive": positive}, index=ids).astype("int8")
    folds = [Split(tuple(ids[k + 1 :: splits]), (), tuple(ids[k::splits])) for k in range(splits)]
    return TableColumn("c", "", POLARITY, labels, folds, features=None)


def tables(one: TableColumn, rng: np.random.Generator) -> list[pd.DataFrame]:
    """Probabilities of each split's test images, rows in no order."""
    found = []
    for split in one.splits:
        p = rng.random(len(split.test))
        found.append(pd.DataFrame({"negative": 1 - p, "positive": p}, index=rng.permutation(split.test)))
    return found


def test_a_row_is_the_mean_of_its_members_and_is_scored_by_id():
    one, rng = column(), np.random.default_rng(0)
    first, second = tables(one, rng), tables(one, rng)
    settings = settings_of({"name": "caffenet"})
    trainings = {"a": Training("caffenet", settings), "b": Training("caffenet", settings)}
    answers = Answers({("a", "plain"): first, ("b", "plain"): second})
    row = TableRow("g", "both", (("a", "plain"), ("b", "plain")), {"c": (0.5, 0.1)})
    (result,) = results_of("x", one, [row], answers, {}, trainings, published_as="c", unit=0.01, seed=0)
    shares = []
    for a, b, split in zip(first, second, one.splits, strict=True):
        right = 0
        for i in split.test:
            mean = (a.loc[i, "positive"] + b.loc[i, "positive"]) / 2
            right += (mean > 0.5) == (one.labels.loc[i, "positive"] == 1)
        shares.append(right / len(split.test))
    assert result.ours == pytest.approx(np.mean(shares)) and result.n == 40
    assert result.std == pytest.approx(np.sqrt(np.mean((np.array(shares) - np.mean(shares)) ** 2)))
    assert result.low < result.ours < result.high and (result.published, result.published_std) == (0.5, 0.1)
    # the second split trains on i2, i3, …: each split's most common class is `positive`
    always = [np.mean([one.labels.loc[i, "positive"] for i in split.test]) for split in one.splits]
    assert result.baseline == pytest.approx(np.mean(always))


def test_accuracies_of_splits():
    one = column(8)
    said = [pd.DataFrame({"negative": 0.0, "positive": 1.0}, index=list(split.test)) for split in one.splits]
    tested, hit = hits(one, said)
    assert tested.sum(axis=0).tolist() == [4, 4]
    assert split_accuracies(tested, hit).tolist() == [50, 100]  # i0, i4 are negative, both in the first split


def test_what_could_not_be_trained_is_told_in_its_rows():
    one = column()
    settings = settings_of({"name": "caffenet", "init": "random"})
    trainings = {name: Training("caffenet", settings) for name in "abc"}
    answers = Answers({("a", "plain"): tables(one, np.random.default_rng(0))}, {"b": "split 1: the loss became nan"})
    rows = [TableRow("g", "+".join(names), tuple((n, "plain") for n in names)) for names in ("a", "ab", "ac", "")]
    found = results_of("x", one, rows, answers, {"c": "no weights c"}, trainings, published_as="", unit=1, seed=0)
    assert [r.ours is None for r in found] == [False, True, True, True]
    assert found[0].note == "random weights: a" and found[1].note == "skipped: b: split 1: the loss became nan"
    assert found[2].note == "skipped: no weights c" and found[3].note == "cited, not run"


def test_deviations_are_printed_beside_their_means():
    result = TableCell("x", "r", "c", 0.8171, 0.8, 0.83, 0.7, 0.817, 9, std=0.0382, published_std=0.038)
    report = TableReport("x", "T", "A", 3, [result], {"c": "a set"}, [], {})
    ((_, _, rows),) = report.tables()
    assert rows[0][1] == "0.817 ± 0.038" and rows[0][4] == "0.817 ± 0.038"
    (line,) = csv.DictReader(report.as_csv().splitlines())
    assert line["std"] == "0.0382" and line["published_std"] == "0.038"
