"""How reliably faults in run files are detected: the tables of docs/benchmarks.md.

    python -m benchmarks.integrity ../shared/data

Each split halves a set into dev and test; a model trained on the dev half predicts the test half, which gives a run
file of realistic quality; the file gets every fault of meaning of submission/faults/ and is judged, without test
labels, as a file of unknown origin and by the run's own answers for held-out dev images too. For faults that cost at
least 10 points of weighted F1 the tables count how many were noticed (misaligned or suspicious), how many with a code
of their kind, and how many could have been (bound.py). For sound files they count how many were accused: those of the
model, of the same model trained on a tenth of the dev half and on 24 images (poor, but honest, drawn independently),
and of the model with a third of its answers exchanged for those of other images; apart, those that score less than .05
above the mean of their own shuffled copies, of which more cannot be known.

OASIS (483 photographs) is halved by concept, which leaves about 240 test rows of one subtask, COCO (120) at random: 60
rows of two. The model is logistic regression or a kernel machine, by turns, on two networks; the evidence is of all
three networks, decoded by OpenCV, or of the third alone (`--evidence other`). The drawn sample has 1,199 test rows;
there the evidence is the witness, and held-out answers are not used.
"""

import argparse
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.bound import COSTLY, Table, Trial, power
from benchmarks.photographs import shared_extractors
from mediaeval.classifiers.model import SubtaskModel
from mediaeval.data.dataset import load_dataset
from mediaeval.data.split import read_csv_by_id
from mediaeval.features.build import build
from mediaeval.features.extract import extract
from mediaeval.features.extractors import EXTRACTORS, WITNESS
from mediaeval.features.feature_extractor import decoded_by
from mediaeval.features.store import FeatureStore
from mediaeval.sample.draw import draw_sample
from submission.alignment.align import ALIGNED, CANNOT_TELL, Alignment, align
from submission.alignment.combine import combine
from submission.alignment.expectation import Expectation, columns_of, expect, label_matrix
from submission.alignment.orders import usual_orders
from submission.alignment.plausibility import find_oddities
from submission.check import find_problems
from submission.faults import FORM, faults_of, spoil
from submission.labels import LabelTable, read_labels
from submission.runfile import format_run
from submission.score import weighted_f1
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

MARGIN = 0.05  # F1 above the mean of shuffled copies from which on a sound file must not be accused
SHUFFLES = 50
FOLDS = 5
RUN_NETWORKS = ("mobilenet", "squeeze")
# codes that describe a fault correctly
KINDS = {
    "labels slipped": {"rows-shifted"},
    "alone slipped": {"rows-shifted"},
    "slip ": {"rows-shifted", "rows-moved"},
    "moved": {"rows-shifted", "rows-moved"},
    "by a column": {"columns-shifted", "columns-sorted"},  # T3.10 first, as sorting its headings as text does, too
    "halves exchanged": {"rows-shifted", "rows-exchanged"},  # the same as a slip by half of the file
    "T2 and T3": {"columns-exchanged"},
    "negative and positive": {"classes-permuted"},
    "quarters": {"rows-exchanged"},
    "batches of rows": {"rows-exchanged"},
    "inside batches": {"rows-shuffled", "rows-unrelated"},
    "workers": {"rows-interleaved"},
    "one answer": {"label-constant"},
    "backwards": {"rows-reordered"},
    "sorted": {"rows-reordered"},
    "shuffled": {"rows-unrelated"},
    "swapped": {"columns-swapped"},
    "as text": {"columns-shifted", "columns-sorted", "columns-permuted"},
    "inverted": {"columns-inverted"},
    "rotated": {"classes-permuted"},
}
SPLITS = {"drawn": 40, "oasis": 200, "coco": 200}


@dataclass(frozen=True)
class Verdict:
    """What became of one file: the verdict or codes, as of unknown origin and by the run's own held-out answers."""

    what: str  # the kind of sound file, or the fault
    sound: bool
    counts: bool  # a costly fault; a sound file that is clearly better than its shuffled copies
    unknown: str
    own: str


@dataclass
class Split:
    """What one split found."""

    verdicts: list[Verdict] = field(default_factory=list)
    trials: dict[str, list[Trial]] = field(default_factory=dict)  # of the bound, by fault
    form: list[str] = field(default_factory=list)


class Images:
    """Ids, labels, groups and features of a set: models learn from `run`, files are judged by `judges`."""

    def __init__(self, name: str, data: Path, store: Path, other_only: bool):
        truth = None
        if name == "drawn":
            sample = draw_sample(store / "sample", dev=1199, test=1199)
            folders, truth = [sample.devset, sample.testset], sample.truth
            run = {"handcrafted": build("handcrafted", EXTRACTORS["handcrafted"])}
            judges = {"witness": build("witness", WITNESS)}
        else:
            folders = [data / name]
            networks = {key: build(key, one) for key, one in shared_extractors(data / "weights").items()}
            run = {key: networks[key] for key in RUN_NETWORKS}
            judging = ["tfsame"] if other_only else list(networks)
            judges = {key: decoded_by("opencv", networks[key]) for key in judging}
        datasets = [load_dataset(folder, TASK) for folder in folders]
        self.ids = [image_id for dataset in datasets for image_id in dataset.ids]
        self.labels = {subtask: dict(of_task) for subtask, of_task in datasets[0].table.labels.items()}
        if truth:
            for subtask, of_task in read_labels(truth, TASK).labels.items():
                self.labels[subtask] |= of_task
        self.subtasks = [subtask for subtask in TASK.subtasks if subtask.name in self.labels]
        self.Y = label_matrix(self.subtasks, self.labels, self.ids)
        self.blocks = {key: network.width for key, network in run.items()}
        norms = dict(read_csv_by_id(data / "oasis/norms.csv")["concept"]) if name == "oasis" else {}
        self.groups = np.array([norms.get(image_id, image_id) for image_id in self.ids])

        def features(networks: dict) -> dict[str, np.ndarray]:
            found = [extract(dataset, list(networks.values()), FeatureStore(store)) for dataset in datasets]
            pairs = list(zip(found, datasets, strict=True))
            return {key: np.concatenate([of.matrix([key], one.ids) for of, one in pairs]) for key in networks}

        self.run = np.concatenate(list(features(run).values()), axis=1)
        self.judges = features(judges)

    def halves(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return dev and test rows: half of the groups each, in random order."""
        groups = rng.permutation(np.unique(self.groups))
        of_dev = np.isin(self.groups, groups[: len(groups) // 2])
        return rng.permutation(np.flatnonzero(of_dev)), rng.permutation(np.flatnonzero(~of_dev))

    def expectation(self, dev: np.ndarray, test: np.ndarray) -> Expectation:
        """Return what the judges expect."""
        ids = np.array(self.ids)
        parts = {
            key: expect(
                X[dev],
                self.Y[dev],
                X[test],
                ids[test].tolist(),
                columns_of(self.subtasks),
                dev_ids=ids[dev].tolist(),
                groups=self.groups[dev].tolist(),
            )
            for key, X in self.judges.items()
        }
        return combine(parts).expectation


def predict(images: Images, dev: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Return decisions, 0/1 (n_test, n_columns), each label as often as in the dev set."""
    X = images.run
    classifier, params = ("logistic", {"C": 0.003}) if seed % 2 == 0 else ("kernel", {})
    blocks, start = [], 0
    for subtask in images.subtasks:
        Y = images.Y[dev, start : start + len(subtask.labels)]
        start += len(subtask.labels)
        model = SubtaskModel(subtask, classifier, params, images.blocks, "standard", seed)
        P = model.fit(X[dev], Y).predict_matrix(X[test]).to_numpy()
        if subtask.multi_label:
            cuts = [np.quantile(p, 1 - y.mean()) if y.any() else 2.0 for p, y in zip(P.T, Y.T, strict=True)]
            blocks.append(cuts < P)
        else:
            blocks.append(P.argmax(axis=1)[:, None] == np.arange(P.shape[1]))
    return np.concatenate(blocks, axis=1).astype(int)


def held_out(images: Images, dev: np.ndarray, seed: int, rng: np.random.Generator) -> np.ndarray:
    """Return decisions on the dev rows, each by a model that saw none of its group."""
    groups = rng.permutation(np.unique(images.groups[dev]))
    fold = dict(zip(groups, np.arange(len(groups)) % FOLDS, strict=True))
    folds = np.array([fold[group] for group in images.groups[dev]])
    decided = np.zeros((len(dev), images.Y.shape[1]), int)
    for k in range(FOLDS):
        decided[folds == k] = predict(images, dev[folds != k], dev[folds == k], seed)
    return decided


def as_labels(images: Images, decided: np.ndarray, ids: Sequence[str]) -> dict:
    """Return subtask → id → label."""
    labels, start = {}, 0
    for subtask in images.subtasks:
        labels[subtask.name] = subtask.from_matrix(decided[:, start : start + len(subtask.labels)], ids)
        start += len(subtask.labels)
    return labels


def outcome(found: Alignment) -> str:
    """Return the codes of a file's problems, else its verdict."""
    return " ".join(problem.code for problem in found.problems) or found.verdict


def one_split(job: tuple[Images, int, bool]) -> Split:
    """Judge every file of one split."""
    images, seed, with_own = job
    rng = np.random.default_rng(seed)
    dev, test = images.halves(rng)
    ids, dev_ids = ([images.ids[k] for k in rows] for rows in (test, dev))
    expectation, truth = images.expectation(dev, test), images.Y[test]
    orders = usual_orders(ids)
    header = TASK.header.only([subtask.name for subtask in images.subtasks])
    dev_table = LabelTable(Path("dev.csv"), header.cells, tuple(dev_ids), as_labels(images, images.Y[dev], dev_ids))
    split = Split()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.csv"

        def judge(what: str, data: bytes, own: np.ndarray | None, sound: bool) -> None:
            path.write_bytes(data)
            run = read_labels(path, TASK)
            decided = label_matrix(images.subtasks, run.labels, ids)
            f1 = weighted_f1(truth, decided)
            if sound:
                shuffled = [weighted_f1(truth, decided[rng.permutation(len(test))]) for _ in range(SHUFFLES)]
                counts = f1 >= np.mean(shuffled) + MARGIN
            else:
                counts = before - f1 >= COSTLY
                if not counts:
                    return
            # what an honest model of few images never answers is no matter of alignment
            odd = [] if sound else find_oddities(run, dev_table, TASK)
            if constant := " ".join(one.code for one in odd if one.severity == "error"):
                split.verdicts.append(Verdict(what, sound, counts, constant, constant if own is not None else ""))
                return
            unknown = outcome(align(run, expectation, orders))
            by_own = ""
            if own is not None:
                by_own = outcome(align(run, expectation, orders, as_labels(images, own, dev_ids)))
            split.verdicts.append(Verdict(what, sound, counts, unknown, by_own))

        def text(decided: np.ndarray) -> bytes:
            return format_run(header, ids, as_labels(images, decided, ids))

        good = predict(images, dev, test, seed)
        own = held_out(images, dev, seed, rng) if with_own else None
        before = weighted_f1(truth, good)
        judge("good", text(good), own, True)
        judge("a third exchanged", text(_exchanged(good, rng)), None if own is None else _exchanged(own, rng), True)
        for what, size in (("of a tenth", max(len(dev) // 10, 12)), ("of 24 images", 24)):
            # its own dev set has too few images for held-out answers to say anything
            judge(what, text(predict(images, rng.permutation(dev)[:size], test, seed)), None, True)
        data = text(good)
        table = None
        if own is not None:
            table = Table(images.Y[dev], own, expectation.left_out, images.subtasks, list(header.cells))
        for k, fault in enumerate(faults_of(TASK)):
            spoilt = spoil(fault, data, np.random.default_rng((seed, k)))
            if spoilt is None:
                continue
            if fault.kind == FORM:
                if seed < 10:  # a fault of form does not depend on the split
                    partial = header != TASK.header and fault.name != "subtask1 alone"
                    problems = find_problems(spoilt, ids, TASK.header, partial=partial)
                    split.form.append(" ".join(sorted({p.code for p in problems if p.severity == "error"})))
                continue
            judge(fault.name, spoilt, own, False)
            if table is not None:
                split.trials[fault.name] = table.try_fault(fault, len(test), rng)
    return split


def _exchanged(decided: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return decisions of which a third are replaced by those for another image."""
    mixed = decided.copy()
    third = rng.permutation(len(decided))[: len(decided) // 3]
    mixed[third] = decided[rng.permutation(third)]
    return mixed


def named(fault: str, codes: str) -> bool:
    """Return whether one of the codes describes this kind of fault."""
    return any(word in fault and set(codes.split()) & kinds for word, kinds in KINDS.items())


def accused(code: str) -> bool:
    """Return whether a file was found to be misaligned or suspicious."""
    return code not in (ALIGNED, CANNOT_TELL)


def report(name: str, splits: list[Split]) -> None:
    """Print the tables of one set."""
    verdicts = [verdict for split in splits for verdict in split.verdicts]
    print(
        "\n| sound file | files | accused, unknown origin | accused, own answers | cannot tell |\n|---|---|---|---|---|"
    )
    for counts in (True, False):
        of_kind = [verdict for verdict in verdicts if verdict.sound and verdict.counts == counts]
        for what in [*dict.fromkeys(verdict.what for verdict in of_kind), "all"]:
            files = [verdict for verdict in of_kind if what in (verdict.what, "all")]
            if files:
                suffix = "" if counts else f", less than {MARGIN} above shuffled copies"
                cannot = sum(verdict.unknown == CANNOT_TELL for verdict in files)
                print(f"| {what}{suffix} | {len(files)} | {_shares(files)} | {cannot} |")
    print("\n| costly fault | files | noticed, unknown origin | own answers | bound | by its name | cannot tell |")
    print("|---|---|---|---|---|---|---|")
    faults = [verdict for verdict in verdicts if not verdict.sound]
    trials: dict[str, list[Trial]] = {}
    for split in splits:
        for fault, found in split.trials.items():
            trials.setdefault(fault, []).extend(found)
    for what in [*dict.fromkeys(verdict.what for verdict in faults), "all"]:
        files = [verdict for verdict in faults if what in (verdict.what, "all")]
        if not files:
            continue
        bound = power({one: found for one, found in trials.items() if what in (one, "all")})
        limit = "" if bound is None else f"{bound:.1%}"
        kinds = sum(named(verdict.what, verdict.unknown) for verdict in files)
        cannot = sum(verdict.unknown == CANNOT_TELL for verdict in files)
        print(f"| {what} | {len(files)} | {_shares(files)} | {limit} | {kinds} | {cannot} |")
    forms = [codes for split in splits for codes in split.form]
    print(f"\n{name}: {sum(map(bool, forms))} of {len(forms)} faults of form found", flush=True)
    print(Counter(verdict.unknown for verdict in faults if not accused(verdict.unknown)), flush=True)


def _shares(files: list[Verdict]) -> str:
    """Return how many files were accused as of unknown origin, and by the run's own answers."""
    unknown = sum(accused(verdict.unknown) for verdict in files)
    known = [verdict.own for verdict in files if verdict.own]
    own = sum(map(accused, known))
    return f"{unknown} ({unknown / len(files):.1%}) | " + (f"{own} ({own / len(known):.1%})" if known else "")


def main() -> None:
    """Print the tables of the drawn sample and of the photographs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds oasis/, coco/ and weights/")
    parser.add_argument("--store", type=Path, default=Path(".mediaeval/integrity"))
    parser.add_argument("--only", choices=list(SPLITS), help="one set")
    parser.add_argument("--splits", type=int, help="of each set")
    parser.add_argument("--first", type=int, default=0, help="the first split's seed")
    parser.add_argument("--evidence", choices=["all", "other"], default="all", help="networks that judge photographs")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    for name in [options.only] if options.only else SPLITS:
        images = Images(name, options.data, options.store, options.evidence == "other")
        seeds = range(options.first, options.first + (options.splits or SPLITS[name]))
        print(f"\n{name}: {len(seeds)} splits, about {len(images.ids) // 2} test rows", flush=True)
        with multiprocessing.Pool(options.processes) as pool:
            found = pool.map(one_split, [(images, seed, name != "drawn") for seed in seeds], chunksize=1)
        report(name, found)


if __name__ == "__main__":
    main()
