"""Images that occur more than once: the same bytes, the same pixels, or nearly the same image."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from mediaeval.data.dataset import Dataset
from mediaeval.data.images import decode, digest_of, read_image
from mediaeval.errors import ImageError

THUMBNAIL_SIDE = 32  # pixels: enough to tell images apart, too few to see JPEG quality or size
# Correlation of thumbnails. Copies of real images, down to a third of the size or JPEG quality 30, reached at least
# 0.964; two different ones of 603 reached at most 0.870.
NEAR = 0.95
HOW = ("bytes", "pixels", "near")  # how images can be the same, the strictest first


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


@dataclass(frozen=True)
class DuplicateGroup:
    """Images that are the same as one another, directly or through others of the group.

    pairs      how: each image but the first with one that stands before it in the data, so one fewer than images
    conflicts  subtasks in which not all of the images have the same labels
    """

    images: tuple[str, ...]
    pairs: tuple[DuplicatePair, ...]
    conflicts: tuple[str, ...]

    @property
    def how(self) -> tuple[str, ...]:
        """What joins the images: of bytes, pixels and near those that occur."""
        return tuple(how for how in HOW if any(pair.how == how for pair in self.pairs))

    def to_dict(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {"images": list(self.images), "how": list(self.how), "conflicts": list(self.conflicts)}


def fingerprint(data: bytes, content: str) -> Fingerprint:
    """Return the fingerprint of an image file's bytes. Raises ImageError when it cannot be decoded."""
    image = decode(data, thorough=True)
    return Fingerprint(content, digest_of(image), thumbnail(image))


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
    known: dict[str, Fingerprint | ImageError] = {}  # of the same bytes the outcome is the same
    for image_id in dataset.ids:
        try:
            content, data = read_image(dataset.image_paths[image_id])
            if content not in known:
                known[content] = _fingerprint_or_error(data, content)
            found = known[content]
        except ImageError as error:
            found = error
        if isinstance(found, ImageError):
            unreadable[image_id] = str(found)
        else:
            prints[image_id] = found
    return prints, unreadable


def _fingerprint_or_error(data: bytes, content: str) -> Fingerprint | ImageError:
    try:
        return fingerprint(data, content)
    except ImageError as error:
        return error
    except MemoryError:
        return ImageError("there is not enough memory to look at the image")


def find_duplicates(prints: dict[str, Fingerprint], dataset: Dataset | None = None) -> list[DuplicateGroup]:
    """Return the groups of images that are the same, equal bytes first, with the subtasks whose labels differ.

    As many comparisons and as little memory are needed for copies of one image as for different ones.
    """
    joined: list[tuple[str, str, str]] = []  # image, one after it, how: no more than there are images
    first: dict[str, str] = {}  # digest → the first image that has it
    distinct = []
    for image_id, known in prints.items():
        if (same := first.setdefault(known.content, image_id)) != image_id:
            joined.append((same, image_id, "bytes"))
        elif known.pixels and (same := first.setdefault(known.pixels, image_id)) != image_id:
            joined.append((same, image_id, "pixels"))
        else:
            distinct.append(image_id)
    if distinct:
        thumbnails = np.stack([prints[i].thumbnail for i in distinct])
        joined += [(distinct[a], distinct[b], "near") for a, b in _near(thumbnails)]
    place = {image_id: k for k, image_id in enumerate(prints)}
    joined.sort(key=lambda join: (HOW.index(join[2]), place[join[0]]))
    leaders = group_of_images(prints, [(a, b) for a, b, _ in joined])
    images: dict[str, list[str]] = {}
    for image_id in prints:
        images.setdefault(leaders[image_id], []).append(image_id)
    pairs: dict[str, list[DuplicatePair]] = {}
    for a, b, how in joined:
        pairs.setdefault(leaders[a], []).append(DuplicatePair(a, b, how, _conflicts((a, b), dataset)))
    return [
        DuplicateGroup(tuple(images[leader]), tuple(found), _conflicts(images[leader], dataset))
        for leader, found in pairs.items()
    ]


def _near(thumbnails: np.ndarray) -> list[tuple[int, int]]:
    """Return pairs (a, b), a < b, of thumbnails that are nearly the same: as many as connect all that are so."""
    joined = []
    group = np.arange(len(thumbnails))  # of each thumbnail: equal for those that are connected already
    for start in range(0, len(thumbnails), 1024):  # in blocks: 20,000 images would need a matrix of 20,000²
        near = thumbnails[start : start + 1024] @ thumbnails.T >= NEAR
        for row in np.flatnonzero(near.sum(axis=1) > 1):  # more than itself
            a = start + int(row)
            others = a + 1 + np.flatnonzero(near[row, a + 1 :])
            others = others[group[others] != group[a]]
            if len(others):
                merged, at = np.unique(group[others], return_index=True)
                joined += [(a, int(b)) for b in others[at]]
                group[np.isin(group, merged)] = group[a]
    return joined


def _conflicts(images: Sequence[str], dataset: Dataset | None) -> tuple[str, ...]:
    if dataset is None or dataset.table is None:
        return ()
    labels = dataset.table.labels
    return tuple(name for name in dataset.subtasks if len({labels[name][i] for i in images}) > 1)


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
