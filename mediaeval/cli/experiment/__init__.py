"""mediaeval experiment: published tables run again, a sub-command each."""

from mediaeval.cli.experiment import attention2019, campos2017, certh2021, multigap2020, smap2021
from mediaeval.cli.groups import subcommands

EXAMPLE = "Example: mediaeval experiment smap2021 --dataset twitter2=data/twitter2"

app = subcommands(
    "EXPERIMENT",
    "Run a published table again: our figures, with intervals and baselines, next to the published ones.\n\n"
    "Results are printed, and written to --out as CSV and Markdown. Rows that cannot be run, because weights or data "
    "are absent, are listed with the reason.",
    EXAMPLE,
    {
        "smap2021": smap2021,
        "certh2021": certh2021,
        "campos2017": campos2017,
        "multigap2020": multigap2020,
        "attention2019": attention2019,
    },
)
