"""mediaeval weights: the weight files of extractors, a sub-command for each thing to do with them."""

from mediaeval.cli.groups import subcommands
from mediaeval.cli.weights import convert, fetch, list_files

EXAMPLE = "Example: mediaeval weights fetch open2026"

app = subcommands(
    "ACTION",
    "List the weight files of extractors, fetch them into one cache, or convert files of others to safetensors.\n\n"
    "The cache is $MEDIAEVAL_WEIGHTS, or ~/.cache/mediaeval/weights.",
    EXAMPLE,
    {"list": list_files, "fetch": fetch, "convert": convert},
)
