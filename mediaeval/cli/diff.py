"""mediaeval diff"""

from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Json
from mediaeval.cli.output import print_json, print_table

EXAMPLE = "Example: mediaeval diff runs/first/run.csv runs/second/run.csv"
NEEDS_ARGUMENTS = True


def command(
    first: Annotated[Path, typer.Argument(metavar="A.csv", help="A run file.")],
    second: Annotated[Path, typer.Argument(metavar="B.csv", help="Another.")],
    json: Json = False,
) -> None:
    """Tell which ids and labels differ between two run files, joined by id. Exit status 1 when any do."""
    from submission.compare import difference
    from submission.labels import read_labels

    found = difference(read_labels(first), read_labels(second))
    if json:
        ids = {"only_first": found.only_first, "only_second": found.only_second}
        print_json(
            ids
            | {"one_sided": found.one_sided, "compared": found.compared, "flips": [vars(flip) for flip in found.flips]}
        )
    else:
        for path, ids in ((first, found.only_first), (second, found.only_second)):
            if ids:
                print(f"only in {path}: {len(ids)} ids ({', '.join(ids[:5])}{', …' if len(ids) > 5 else ''})")
        if found.one_sided:
            print(f"in one of the files only: {', '.join(found.one_sided)}")
        for name, compared in found.compared.items():
            flips = [flip for flip in found.flips if flip.subtask == name]
            rows = [[flip.image_id, flip.label, flip.first, flip.second] for flip in flips]
            print_table(f"{name}: {len(rows)} of {compared} labels differ", ["image", "label", "A", "B"], rows)
    raise typer.Exit(1 if found.flips or found.only_first or found.only_second or found.one_sided else 0)
