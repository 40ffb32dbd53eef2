"""Published tables, run again: what was printed, what we get. A file a table; this list imports nothing heavy.

A newcomer adds an entry and a file with `run`, which returns a `table.Report`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Experiment:
    """One published table: the module that runs it, what it is in a sentence, and who printed it."""

    path: str  # "module"
    summary: str
    source: str


EXPERIMENTS: dict[str, Experiment] = {
    "smap2021": Experiment(
        "mediaeval.experiments.smap2021",
        "accuracy of single features and their combination on image-sentiment sets",
        "Pournaras et al. 2021, SMAP (seed 001), Table II",
    ),
    "certh2021": Experiment(
        "mediaeval.experiments.certh2021",
        "weighted F1 of the three subtasks on the validation and the test images",
        "Pournaras et al. 2021, MediaEval (seed 000), Table 2",
    ),
}
