"""mediaeval task: task files, a sub-command for each thing to do with them."""

from mediaeval.cli.groups import subcommands
from mediaeval.cli.task import check, new, show

EXAMPLE = "Example: mediaeval task new --from devset.csv --out task.toml"

app = subcommands(
    "ACTION",
    "Write, check or show a task file: what run files of a task look like, and how they are scored.\n\n"
    "A task file, or the name of a task that is listed by mediaeval ls tasks, is what --task takes.",
    EXAMPLE,
    {"new": new, "check": check, "show": show},
)
