"""Images that occur more than once: the same bytes, the same pixels, or nearly the same image."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from mediaeval.data.dataset import Dataset
from mediaeval.data.images import decode, read_image
from mediaeval.errors import ImageError

THUMBNAIL_SIDE = 32  # pixels: enough to tell images apart, too few to see JPEG quality or size
# Correlation of thumbnails. Copies of real images, down to a third of the size or JPEG quality 30, reached at least
# 0.964; two different ones of 603 reached at most 0.870.
NEAR = 0.95


@dataclass(frozen=True)
class Fingerprint:
    """What images are compared by: digests of bytes and pixels, and a grey thumbnail of unit norm and zero mean."""

    content: str  # sha256 of the file, hex
    pixels: str  # sha256 of size and RGB pixels, upright, hex; empty where there are only thumbnails
    thumbnail: np.ndarray  # float32 (THUMBNAIL_SIDE²,)


@dataclass(frozen=True)
class DuplicatePair:
    """Two images that are the same. `how`: bytes, pixels or near; `conflicts`: subtasks whose labels differ."""

    first: str
    second: str
    how: str
    conflicts: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {"first": self.first, "second": self.second, "how": self.how, "conflicts": list(self.conflicts)}


def fingerprint(data: bytes, content: str) -> Fingerprint:
    """Return the fingerprint of an image file's bytes. Raises ImageError when it cannot be decoded."""
    image = decode(data)
    pixels = hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()
    return Fingerprint(content, pixels, thumbnail(image))


def thumbnail(image: Image.Image) -> np.ndarray:
    """Return a grey thumbnail of zero mean and unit norm, float32 (1024,); zeros for an image of one tone."""
    grey = np.asarray(
        image.convert("L").resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX), dtype=np.float32
    )
    grey = grey.ravel() - grey.mean()
    norm = float(np.linalg.norm(grey))
    # In an image of one tone noise would decide: it must vary by at least 2 grey levels.
    return grey / norm if norm > 2.0 * THUMBNAIL_SIDE else np.zeros_like(grey)


def examine(dataset: Dataset) -> tuple[dict[str, Fingerprint], dict[str, str]]:
    """Return the fingerprints of the images that can be decoded, and why the others cannot; both by image id."""
    prints: dict[str, Fingerprint] = {}
    unreadable: dict[str, str] = {}
    for image_id in dataset.ids:
        try:
            content, data = read_image(dataset.image_paths[image_id])
            prints[image_id] = fingerprint(data, content)
        except ImageError as error:
            unreadable[image_id] = str(error)
    return prints, unreadable


def find_duplicates(prints: dict[str, Fingerprint], dataset: Dataset | None = None) -> list[DuplicatePair]:
    """Return the pairs of images that are the same, equal bytes first, with the subtasks whose labels differ."""
    ids = list(prints)
    thumbnails = np.stack([prints[i].thumbnail for i in ids]) if ids else np.zeros((0, THUMBNAIL_SIDE**2), np.float32)
    seen: dict[tuple[str, str], str] = {}
    for how, key in (("bytes", "content"), ("pixels", "pixels")):
        same: dict[str, list[str]] = {}
        for i in ids:
            if digest := getattr(prints[i], key):
                same.setdefault(digest, []).append(i)
        for members in same.values():
            for a in range(len(members)):
                for b in range(a + 1, len(members)):
                    seen.setdefault((members[a], members[b]), how)
    for start in range(0, len(ids), 1024):  # in blocks: 20,000 images would need a matrix of 20,000²
        likeness = thumbnails[start : start + 1024] @ thumbnails.T
        for a, b in zip(*np.nonzero(likeness >= NEAR), strict=True):
            if a + start < b:
                seen.setdefault((ids[a + start], ids[b]), "near")
    return [DuplicatePair(a, b, how, _conflicts(a, b, dataset)) for (a, b), how in seen.items()]


def _conflicts(first: str, second: str, dataset: Dataset | None) -> tuple[str, ...]:
    if dataset is None or dataset.table is None:
        return ()
    labels = dataset.table.labels
    return tuple(name for name in dataset.subtasks if labels[name][first] != labels[name][second])


def group_of_images(ids: Iterable[str], joined: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return for each id the least id of those that `joined` connects it with, directly or through others."""
    leader = {i: i for i in ids}

    def find(i: str) -> str:
        while leader[i] != i:
            leader[i] = leader[leader[i]]  # halve the path, so that long chains stay fast
            i = leader[i]
        return i

    for first, second in joined:
        a, b = find(first), find(second)
        leader[max(a, b)] = min(a, b)
    return {i: find(i) for i in leader}
