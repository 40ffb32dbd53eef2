"""One weight file: its name, who publishes it, and what is known of its bytes."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["weights", "detector", "pca"]
HUB = "hf:"  # an address on the Hugging Face hub: hf:REPO/FILE, REPO with one slash


@dataclass(frozen=True)
class WeightFile:
    """One file that an extractor needs."""

    role: Role
    name: str  # of the file, in the cache and in a mirror
    url: str  # https://…, or hf:REPO/FILE, or "" when nobody publishes it
    licence: str  # of the weights, as whoever publishes them says
    about: str  # where it comes from, or how to make it
    sha256: str = ""  # hex, whole or the digits that are known, from the first on
    md5: str = ""  # hex, whole

    @property
    def address(self) -> str:
        """Where a browser finds it; empty when nobody publishes it."""
        if not self.url.startswith(HUB):
            return self.url
        owner, repository, file = self.url.removeprefix(HUB).split("/", 2)
        return f"https://huggingface.co/{owner}/{repository}/resolve/main/{file}"
