"""mediaeval weights convert."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Json
from mediaeval.cli.output import print_json, print_line

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval weights convert model.pth.tar model.safetensors"
NEEDS_ARGUMENTS = False


def command(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="A PyTorch file: .pt, .pth or .pth.tar.")] = None,
    out: Annotated[
        Path | None,
        typer.Argument(metavar="OUT", help="The .safetensors file to write.", show_default="FILE with this ending"),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Load a file that holds more than tensors. This may run code in the file.")
    ] = False,
    json: Json = False,
) -> None:
    """Convert a PyTorch file to safetensors, which holds nothing but tensors."""
    from mediaeval.errors import ConfigError

    if file is None:
        raise ConfigError("mediaeval weights convert: FILE is missing; expected a PyTorch file.")

    from mediaeval.weights.convert import convert

    out = out or file.with_suffix(".safetensors")
    converted = convert(file, out, trust)
    if json:
        taken = {"taken": converted.taken} if converted.choice else {}
        print_json({"file": str(out), "tensors": converted.keys, "left_out": converted.left_out} | taken)
        return
    if converted.choice:
        logger.info(f"{file}: {converted.choice}")
    left_out = f"; left out: {', '.join(converted.left_out)}" if converted.left_out else ""
    logger.info(f"{out}: {len(converted.keys)} tensors{left_out}")
    print_line(str(out))
