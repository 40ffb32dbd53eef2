"""mediaeval weights"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.common import ConfigFile, Json, print_json, print_table

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval weights fetch open2026"
NEEDS_ARGUMENTS = True


def command(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="list, fetch or convert.")],
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="list, fetch: a preset or an extractor. convert: a PyTorch file."),
    ] = None,
    out: Annotated[
        Path | None, typer.Argument(metavar="OUT", help="convert: the .safetensors file to write.", show_default=False)
    ] = None,
    mirror: Annotated[
        Path | None,
        typer.Option("--mirror", metavar="DIR", help="fetch: from this folder alone, such as another machine's cache."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="fetch: take what comes, though another file was recorded before.")
    ] = False,
    trust: Annotated[
        bool,
        typer.Option("--trust", help="convert: load a file that holds more than tensors. This may run its code."),
    ] = False,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """List the weight files of extractors, fetch them into one cache, or convert other people's into safetensors.

    The cache is $MEDIAEVAL_WEIGHTS, or ~/.cache/mediaeval/weights. Exit status 1 when a file could not be fetched.
    """
    from mediaeval.errors import ConfigError, choose

    choose("action", what, ACTIONS)
    given = {"OUT": out, "--mirror": mirror, "--replace": replace, "--trust": trust}
    if others := [option for option, value in given.items() if value and option not in ACTIONS[what]]:
        raise ConfigError(f"{', '.join(others)}: not for {what}, which takes {', '.join(ACTIONS[what])}.")
    if name is None and what != "list":
        raise ConfigError(f"mediaeval weights {what}: {ACTIONS[what][0]} is wanted, see mediaeval weights --help.")
    if what == "list":
        _list(name, config, json)
    elif what == "fetch":
        _fetch(name, mirror, replace, config, json)
    else:
        _convert(Path(name), out, trust, json)


ACTIONS = {"list": ("NAME",), "fetch": ("NAME", "--mirror", "--replace"), "convert": ("FILE", "OUT", "--trust")}


def _list(name: str | None, config: Path | None, json: bool) -> None:
    rows = []
    for extractor_name, extractor in _extractors(name, config).items():
        for file, own in _files(extractor_name, extractor):
            rows.append(_row(extractor_name, file, own, *_standing(file, own)))
    _print(rows, name, json)


def _fetch(name: str, mirror: Path | None, replace: bool, config: Path | None, json: bool) -> None:
    from mediaeval.errors import ConfigError, WeightsError
    from mediaeval.progress import progress
    from mediaeval.weights.cache import cache_folder
    from mediaeval.weights.fetch import fetch, status

    if mirror is not None and not mirror.is_dir():
        raise ConfigError(f"--mirror {mirror}: no folder. Another machine's cache is a mirror.")
    rows, problems = [], []
    for extractor_name, extractor in _extractors(name, config).items():
        for file, own in _files(extractor_name, extractor):
            word, digest = _standing(file, own)
            in_mirror = mirror is not None and (mirror / file.name).is_file()
            wanted = word in ("absent", "damaged") or (replace and bool(file.url) and not own)
            if wanted or (word == "not published" and in_mirror):
                logger.info(f"{file.name} from {mirror or file.url}")
                try:
                    with progress(f"{file.name}, MB") as bar:

                        def on_bytes(done: int, total: int | None, bar=bar) -> None:
                            bar(done // 10**6, (total or done) // 10**6)

                        fetch(file, mirror, on_bytes, replace=replace)
                    word, digest = "fetched", status(file)[1]
                except WeightsError as error:
                    elsewhere = f" ({file.address})" if file.url else ""
                    problems += [f"extractor '{extractor_name}': {problem}{elsewhere}" for problem in error.problems]
                    word = f"{word}, not fetched"
            elif word == "not published":
                problems.append(f"extractor '{extractor_name}': {file.name}: nobody publishes it; it is {file.about}.")
            rows.append(_row(extractor_name, file, own, word, digest))
    _print(rows, name, json)
    if problems:
        raise WeightsError(
            *problems,
            f"What is lacking is wanted under these names in {cache_folder()}: fetch it on a machine with a network "
            "and bring that machine's cache (--mirror FOLDER), or put the files there by hand.",
        )


def _files(name: str, extractor) -> list[tuple]:
    """Return (file, the user's own path or "") for all that an extractor needs itself."""
    from mediaeval.features.sources import given
    from mediaeval.features.weight_files import files_of
    from mediaeval.weights.files import WeightFile

    # a model that its library publishes no weights of may still be used with a file of one's own
    if extractor.weights and extractor.kind in ("timm", "torchvision"):
        about = f"{extractor.kind} {extractor.model}"
        own = WeightFile("weights", Path(extractor.weights).name, "", extractor.licence, about)
        return [(own, extractor.weights)]
    return [(file, given(extractor, file.role)) for file in files_of(name, extractor)]


def _standing(file, own: str) -> tuple[str, str]:
    """Return (how it stands with a file, its sha256)."""
    from mediaeval.weights.fetch import status

    if own:
        return f"yours: {own}" if Path(own).exists() else f"yours, absent: {own}", ""
    word, digest = status(file)
    return ("not published" if word == "absent" and not file.url else word), digest


def _convert(path: Path, out: Path | None, trust: bool, json: bool) -> None:
    from mediaeval.weights.convert import convert

    out = out or path.with_suffix(".safetensors")
    done = convert(path, out, trust)
    if json:
        print_json({"file": str(out), "tensors": done.keys, "left_out": done.left_out})
        return
    logger.info(
        f"{out}: {len(done.keys)} tensors" + (f"; left out: {', '.join(done.left_out)}" if done.left_out else "")
    )
    print(out)


def _extractors(name: str | None, config: Path | None) -> dict:
    """Return the extractors of a preset, or one, or all, and those that they read."""
    from mediaeval.config import PRESETS, blocks_of, load_config
    from mediaeval.errors import choose

    known = load_config(config).all_extractors()
    if name is None:
        return known
    choose("preset or extractor", name, [*PRESETS, *known])
    wanted = list(blocks_of(name)) if name in PRESETS else [name]
    for extractor in wanted:  # which grows while it is read
        source = known[extractor].source
        if source and source not in wanted:
            wanted.append(source)
    return {extractor: known[extractor] for extractor in wanted}


def _row(extractor: str, file, own: str, word: str, digest: str) -> dict:
    return {
        "extractor": extractor,
        "role": file.role,
        "file": file.name,
        "status": word,
        "sha256": digest[:12],
        "licence": "yours" if own else file.licence,
        "from": file.url or file.about,
    }


def _print(rows: list[dict], name: str | None, json: bool) -> None:
    if json:
        print_json(rows)
    elif rows:
        print_table("", list(rows[0]), [list(row.values()) for row in rows])
    else:
        logger.info(f"{name} needs no weights.")
