"""What timm, torchvision, torch and OpenVINO raise, as messages that say which network it is about and what to do."""

import contextlib
from collections.abc import Iterator

from mediaeval.errors import UserError, first_line, is_gpu_lost, is_out_of_memory

# what the libraries raise for names, arguments, images and machines that do not suit them
LIBRARY_ERRORS = (
    RuntimeError,
    TypeError,
    ValueError,
    AttributeError,
    AssertionError,
    LookupError,
    ArithmeticError,
    MemoryError,
)


@contextlib.contextmanager
def library_errors(kind: type[UserError], what: str, remedy: str, smaller: str) -> Iterator[None]:
    """Raise, for an error of a library within, one of ours: `what`, the first line of the library's, and what to do.

    what     a clause: "extractor 'x': the network cannot compute an image of 256 × 256 pixels"
    remedy   a sentence
    smaller  the sentence where memory was short
    """
    try:
        yield
    except UserError:
        raise
    except LIBRARY_ERRORS as error:
        if is_gpu_lost(error):  # no matter of this network: whoever runs the command says so
            raise
        raise kind(f"{what} ({in_words(error)}). {smaller if is_out_of_memory(error) else remedy}") from error


def in_words(error: Exception) -> str:
    """Return the first line of a library's error, with its kind where it is hardly a sentence."""
    if is_out_of_memory(error):
        return "out of memory"
    line = first_line(error)[:200].rstrip(".")
    kind = type(error).__name__
    return line if " " in line or line == kind else f"{kind}: {line}"
