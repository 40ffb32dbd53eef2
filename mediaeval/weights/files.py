"""One weight file: its name, who publishes it, and what is known of its bytes."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

HUB = "hf:"  # an address on the Hugging Face hub: hf:REPO/FILE, REPO with one slash


@dataclass(frozen=True)
class WeightFile:
    """One file that an extractor or a system needs."""

    role: str  # what it is for: weights, or a part such as detector or pca
    name: str  # of the file, in the cache and in a mirror
    url: str  # https://…, or hf:REPO/FILE, or "" when nobody publishes it
    licence: str  # of the weights, as whoever publishes them says
    origin: str  # where it comes from, or how to make it
    sha256: str = ""  # hex, whole or the digits that are known, from the first on
    md5: str = ""  # hex, whole
    or_folder: bool = False  # whether a user's own may be a folder with what is in the file

    @property
    def address(self) -> str:
        """Where a browser finds it; empty when nobody publishes it."""
        if not self.url.startswith(HUB):
            return self.url
        owner, repository, file = self.url.removeprefix(HUB).split("/", 2)
        return f"https://huggingface.co/{owner}/{repository}/resolve/main/{file}"


def file_at(role: str, url: str, licence: str, origin: str) -> WeightFile:
    """Return the weight file at an address, under its name there.

    PyTorch's file names end with the first digits of the sha256: resnet50-11ad3fa6.pth.
    """
    digits = re.search(r"-([0-9a-f]{8})\.pth?$", url)
    return WeightFile(role, PurePosixPath(url).name, url, licence, origin, sha256=digits.group(1) if digits else "")


def plain_name(text: str) -> str:
    """Return a text that a user wrote as a file name, which cannot be a path, and is no longer than one may be.

    >>> plain_name("../resnet18")
    '.._resnet18'
    """
    return re.sub(r"[^\w.-]", "_", text)[:100]
