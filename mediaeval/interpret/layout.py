"""Where in the image each number of a layer's output belongs, found by measurement.

Networks lay out their outputs in many ways: channels first or last, tokens row by row behind a class token and
registers or without any yet, several tensors at once. No attribute says it reliably, and a wrong guess gives a picture
that looks right. So red bands are laid over a grey image, one after the other, and each cell of a layer is asked which
of them change it most. A layout is taken only where the cells follow the image, from top to bottom and from left to
right, and where it finds red patches again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from mediaeval.finetune.network import SystemNetwork

BANDS = 5  # in each direction; together they cover the image
PATCHES = ((0.2, 0.2), (0.2, 0.8), (0.8, 0.2), (0.8, 0.8))  # their middles, from the top and from the left, 0..1
SIDE = 1 / 6  # of a patch, as a share of the image's
NEAR = 0.25  # how far from a patch's middle the cell may be that it changes most, in each direction
CLEARLY = 1.1  # how many times as much as any other; 1.4 for the last map of a trained MobileNetV2
BATCH = 5  # images that go through the network at once
# Least correlation, in each direction, between where cells are in the map and where in the image they look. Of 157
# networks of timm with random weights, right layouts have .80 and more, wrong ones at most .31.
FOLLOWS = 0.7
ALIKE = 0.05  # layouts whose correlations differ by less are told apart by the tokens that they leave out
WITHOUT_PLACE = 16  # most tokens, such as a class token and registers, that have no place
FEWEST, LONGEST = 4, 4  # cells of a map; how many times as long as wide it may be
LIVE = 0.01  # share of the largest change; cells that change less say nothing
MOST = 0.5  # least share of cells that must say something


@dataclass(frozen=True)
class Layout:
    """How the output of a module for one image becomes a map (channels, rows, columns).

    module    the module whose output it is
    part      which tensor of the output, where there are several
    channels  the axis of channels, counted without the batch's
    first     how many tokens before those of the cells have no place
    turned    whether cells lie column by column, not row by row
    follows   the lesser of two correlations, from top to bottom and from left to right, -1..1
    """

    module: nn.Module
    part: int
    channels: int
    first: int
    rows: int
    columns: int
    turned: bool = False
    follows: float = 0.0

    def map_of(self, output: Tensor) -> Tensor:
        """Return one image's output as (channels, rows, columns)."""
        return self.placed(output.movedim(self.channels, 0).flatten(1))

    def placed(self, tokens: Tensor) -> Tensor:
        """Return numbers of tokens, (n, tokens), at the places of their cells, (n, rows, columns)."""
        cells = tokens[:, self.first : self.first + self.rows * self.columns]
        if self.turned:
            return cells.unflatten(1, (self.columns, self.rows)).mT
        return cells.unflatten(1, (self.rows, self.columns))


def layouts(built: SystemNetwork, vectors: np.ndarray | None = None) -> dict[str, Layout | str]:
    """Return, for each of a system's maps, its layout, or in words why it is not a map of the image.

    vectors  float32 (1, width), where the system reads such

    It is measured once per network, with 15 images through it; the network is put into evaluation mode.
    """
    if not built.maps:
        return {}
    key = (built.view.crop, tuple((name, id(module)) for name, module in built.maps.items()))
    measured = _MEASURED.setdefault(built.network, {})
    if key not in measured:
        measured[key] = _measured(built, vectors)
    return measured[key]


_MEASURED: WeakKeyDictionary[nn.Module, dict[Any, dict[str, Layout | str]]] = WeakKeyDictionary()


def tensors_of(output: object) -> list[Tensor]:
    """Return the tensors of a module's output, which may be one, or a tuple or list with some."""
    parts = output if isinstance(output, tuple | list) else [output]
    return [part for part in parts if isinstance(part, Tensor)]


def with_tensor(output: Any, part: int, tensor: Tensor) -> Any:
    """Return a module's output with `tensor` in place of the one that is number `part` in `tensors_of(output)`."""
    if isinstance(output, Tensor):
        return tensor
    places = [k for k, item in enumerate(output) if isinstance(item, Tensor)]
    items = [tensor if k == places[part] else item for k, item in enumerate(output)]
    return items if isinstance(output, list) else tuple(items)


# The measurement ------------------------------------------------------------------------------------------------------


class _Changes:
    """How much each token of a module's output changes with each band and patch.

    `tensors`: for each tensor that it gives, its shape without the batch's axis and, for each axis that may be that of
    the channels, changes (n_images, tokens), summed over it.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module, self.calls = module, 0
        self.plain: list[Tensor] = []
        self.tensors: list[tuple[tuple[int, ...], dict[int, Tensor]]] = []
        self.reason = ""

    def hook(self, module: nn.Module, inputs: tuple, output: object) -> None:
        self.calls += 1
        tensors = [tensor.detach().float() for tensor in tensors_of(output)]
        if not self.plain:
            self.plain = tensors
            self.tensors = [(tuple(t.shape[1:]), {}) for t in tensors]
            return
        for (shape, changes), plain, tensor in zip(self.tensors, self.plain, tensors, strict=True):
            if len(plain) != 1 or tensor.shape[1:] != shape or len(shape) not in (2, 3):
                continue  # its first axis is not the batch's, or nothing in it can be a map
            change = (tensor - plain).abs()
            for axis in range(len(shape)):
                rows = change.sum(dim=axis + 1).flatten(1).cpu()
                changes[axis] = torch.cat([changes[axis], rows]) if axis in changes else rows


def _measured(built: SystemNetwork, vectors: np.ndarray | None) -> dict[str, Layout | str]:
    network = built.network.eval()
    device = next(network.parameters()).device
    watched = {name: _Changes(module) for name, module in built.maps.items()}
    handles = [one.module.register_forward_hook(one.hook) for one in watched.values()]
    images = _marked(built.view.crop)
    batches = [images[:1], *(images[k : k + BATCH] for k in range(1, len(images), BATCH))]
    try:
        with torch.no_grad():  # not inference mode: ConViT keeps tensors that gradients are asked of later
            for batch in batches:
                pixels = torch.from_numpy(batch).to(device).permute(0, 3, 1, 2).float()
                beside = None if vectors is None else torch.from_numpy(vectors).to(device).expand(len(batch), -1)
                network(pixels, beside)
    finally:
        for handle in handles:
            handle.remove()
    return {name: _layout_of(changes, len(batches)) for name, changes in watched.items()}


def _marked(side: int) -> np.ndarray:
    """Return a grey image, then with each red band across it, each down it, each patch: uint8 (n, side, side, 3)."""
    rng = np.random.default_rng(0)
    grey = np.uint8(110) + rng.integers(0, 20, (side, side, 3), dtype=np.uint8)
    edges = [round(k * side / BANDS) for k in range(BANDS + 1)]
    bands = [slice(low, high) for low, high in pairwise(edges)]
    half = SIDE / 2

    def around(middle: float) -> slice:
        return slice(round((middle - half) * side), round((middle + half) * side))

    everything = slice(None)
    places = [(band, everything) for band in bands] + [(everything, band) for band in bands]
    places += [(around(down), around(across)) for down, across in PATCHES]
    images = [grey]
    for place in places:
        images.append(grey.copy())
        images[-1][place] = (255, 0, 0)
    return np.stack(images)


def _layout_of(changes: _Changes, passes: int) -> Layout | str:
    """Return the layout that fits what was measured of a module, or in words why none does."""
    if not changes.calls:
        return "the network does not compute it"
    if changes.calls != passes:
        return f"the network computes it {changes.calls // passes} times per image"
    found = []
    for part, (shape, by_axis) in enumerate(changes.tensors):
        for axis, of_tokens in by_axis.items():
            seen = _seen(of_tokens)
            candidates = _candidates(Layout(changes.module, part, axis, 0, 0, 0), shape)
            found += [(replace(layout, follows=_follows(layout, seen)), of_tokens) for layout in candidates]
    if not found:
        shapes = " and ".join(" × ".join(map(str, shape)) for shape, _ in changes.tensors) or "no"
        return f"its output, {shapes} numbers per image, has no places in it"
    right = [one for one, changes in found if one.follows >= FOLLOWS and _finds_patches(one, changes)]
    if not right:
        return "its output does not change where the image does"
    best = max(right, key=lambda layout: layout.follows)
    alike = [layout for layout in right if layout.part == best.part and layout.follows > best.follows - ALIKE]
    return max(alike, key=lambda layout: (layout.rows * layout.columns, layout.follows))


def _candidates(plain: Layout, shape: tuple[int, ...]) -> Iterator[Layout]:
    """Yield each way in which an output of this shape may be a map with the channels of `plain`."""
    sides = [side for axis, side in enumerate(shape) if axis != plain.channels]
    if len(sides) == 2:
        grids = [(0, sides[0], sides[1])]
    else:  # tokens without a place are all before the others, or all behind them
        grids = [
            (first, rows, cells // rows)
            for cells in range(max(sides[0] - WITHOUT_PLACE, FEWEST), sides[0] + 1)
            for rows in range(2, cells)
            if cells % rows == 0
            for first in {0, sides[0] - cells}
        ]
    for first, rows, columns in grids:
        if rows * columns >= FEWEST and max(rows, columns) <= LONGEST * min(rows, columns):
            yield replace(plain, first=first, rows=rows, columns=columns)
            yield replace(plain, first=first, rows=columns, columns=rows, turned=True)


class _Seen(NamedTuple):
    """Where in the image each token looks, 0..1 from the top and from the left, and whether it looks anywhere."""

    down: Tensor
    across: Tensor
    live: Tensor


def _seen(changes: Tensor) -> _Seen:
    """Return what the changes by each band and patch, (n, tokens), say of the tokens.

    A token looks at the mean place of the bands, weighted by how much they change it. What all of them change says
    nothing of a place.
    """
    changes = changes[: 2 * BANDS].double()
    live = changes.amax(dim=0) - changes.amin(dim=0) > LIVE * changes.max()
    places = (torch.arange(BANDS).double() + 0.5) / BANDS

    def mean_place(changes: Tensor) -> Tensor:
        weights = (changes - changes.amin(dim=0)).square()
        return places @ weights / weights.sum(dim=0).clamp(min=1e-300)

    return _Seen(mean_place(changes[:BANDS]), mean_place(changes[BANDS : 2 * BANDS]), live)


def _follows(layout: Layout, seen: _Seen) -> float:
    """Return how well the cells of a layout follow the image, -1..1: the lesser correlation of the two directions."""
    down, across, live = (layout.placed(numbers[None])[0] for numbers in seen)
    if live.double().mean() < MOST:
        return 0.0
    rows, columns = torch.meshgrid(torch.arange(layout.rows), torch.arange(layout.columns), indexing="ij")
    return min(_correlation(down[live], rows[live].double()), _correlation(across[live], columns[live].double()))


def _finds_patches(layout: Layout, changes: Tensor) -> bool:
    """Return whether each patch changes a cell near it clearly more than all others."""
    rows, columns = torch.meshgrid(
        (torch.arange(layout.rows) + 0.5) / layout.rows,
        (torch.arange(layout.columns) + 0.5) / layout.columns,
        indexing="ij",
    )
    for cells, (down, across) in zip(layout.placed(changes[2 * BANDS :]), PATCHES, strict=True):
        near = ((rows - down).abs() < NEAR) & ((columns - across).abs() < NEAR)
        if cells[near].amax() < CLEARLY * cells[~near].amax():
            return False
    return True


def _correlation(one: Tensor, two: Tensor) -> float:
    """Return the correlation of two vectors; 0 where one is constant."""
    one, two = one - one.mean(), two - two.mean()
    return float(one @ two / (one.norm() * two.norm()).clamp(min=1e-300))
