"""What identifies the numbers that a weight file gives: its bytes, and which of its state dicts is taken."""

from pathlib import Path

from mediaeval.errors import WeightsError
from mediaeval.files import file_digest
from mediaeval.formats.content import TORCH, TORCH_LEGACY, content_of
from mediaeval.formats.torch_outline import Stored, torch_outline
from mediaeval.weights.state_dicts import find_state_dict


def weights_identity(path: Path) -> str:
    """Return `file sha256 …`, and the name of the averaged weights where these are taken instead of others.

    Features of the raw weights, which were taken before 0.2, are thus not taken for those of the averaged ones. Needs
    no PyTorch. A file that cannot be read is identified by its bytes; `read_weights` reports it.
    """
    digest = f"file sha256 {file_digest(path)}"
    try:
        if content_of(path) not in (TORCH, TORCH_LEGACY):
            return digest
        state = find_state_dict(torch_outline(path), Stored)
    except WeightsError:
        return digest
    return f"{digest}, {state.place}" if state is not None and state.passed_over else digest
