"""Whether a JPEG holds its whole picture: libjpeg fills what is absent with grey, and Pillow drops its warning.

Two readings, both without a second decoding. `Layout` is read from the markers alone: scans and restart intervals.
`Watched` is the file as Pillow reads it: it hands out the data in pieces and looks, between two of them, whether the
last row of the picture has been written, so it knows where in the data the picture ended.
"""

import io
import re
from dataclasses import dataclass, field
from math import ceil

from PIL import Image

LEFT_OVER = 64  # bytes behind the picture, not filled with one value, that show that the decoder lost its place
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # the marker behind the coded data of a scan
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_HUFFMAN_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive: arithmetic codes may end early
_PROGRESSIVE = 0xC2
# Eight bytes of ones behind the data: the decoder reads up to so many ahead. No code consists of ones, so they are read
# as at most four coefficients, and nothing of a picture whose data are complete.
_PADDING = b"\xff\x00" * 8
_NOISE = bytes((37 * k * k + 11 * k) % 251 for k in range(512))  # without markers
_INKS = ((37, 211, 90, 141), (202, 5, 160, 66))  # of a last row that is not written yet; the second confirms the first


@dataclass
class Layout:
    """The frame and the scans of a JPEG."""

    kind: int  # code of the frame's marker, 0xC0 to 0xC2
    width: int
    height: int
    sampling: dict[int, tuple[int, int]]  # component → horizontal and vertical sampling factor
    precision: dict[int, list[int | None]] = field(default_factory=dict)  # component → bits absent, per coefficient
    scans: list[tuple[int, int]] = field(default_factory=list)  # first byte of the coded data, and the marker behind it
    restarts: str = ""  # what is wrong with the restart markers

    def problem(self) -> str:
        """Return what shows that parts of the picture are absent, or nothing."""
        bits = [left for coefficients in self.precision.values() for left in coefficients]
        if None in bits or any(bits):
            return "its data end before the picture does: not all of its scans are there"
        return self.restarts

    def padded(self, data: bytes) -> bytes:
        """Return the file with noise behind the data of each scan: the same picture, unless a scan was cut."""
        parts, at = [], 0
        for _, end in self.scans:
            parts += [data[at:end], _NOISE]
            at = end
        return b"".join([*parts, data[at:]])


def layout_of(data: bytes) -> Layout | None:
    """Return the layout of a JPEG; None for other files and for JPEGs that are not coded by Huffman's method."""
    found: Layout | None = None
    interval, at = 0, 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 2 <= len(data):
        code = data[at + 1]
        if code == 0xFF:  # fill bytes may precede a marker
            at += 1
            continue
        if code == 0xD9:
            return found if found and found.scans else None
        if code in (0x00, 0x01) or 0xD0 <= code <= 0xD8:  # markers without a segment
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4])
        segment = data[at + 4 : at + 2 + length]
        at += 2 + max(length, 2)
        try:
            if code in _HUFFMAN_FRAMES and found is None:
                found = _frame(code, segment)
            elif 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
                return None
            elif code == 0xDD:
                interval = int.from_bytes(segment[:2])
            elif code == 0xDA:
                if found is None:
                    return None
                end = _END_OF_SCAN.search(data, at)
                if end is None:
                    return None  # Pillow reports a file that ends here
                _add_scan(found, segment, data, at, end.start(), interval)
                at = end.start()
        except (IndexError, KeyError, ZeroDivisionError):
            return None  # a segment that is too short: Pillow reports it
    return None


def _frame(code: int, segment: bytes) -> Layout:
    height, width = int.from_bytes(segment[1:3]), int.from_bytes(segment[3:5])
    sampling = {segment[k]: divmod(segment[k + 1], 16) for k in range(6, 6 + 3 * segment[5], 3)}
    absent: list[int | None] = [None] * (64 if code == _PROGRESSIVE else 1)
    return Layout(code, width, height, sampling, {component: list(absent) for component in sampling})


def _add_scan(found: Layout, segment: bytes, data: bytes, start: int, end: int, interval: int) -> None:
    components = [segment[1 + 2 * k] for k in range(segment[0])]
    first, last, bits = segment[-3], segment[-2], segment[-1] & 15
    for component in components:
        if found.kind == _PROGRESSIVE:
            found.precision[component][first : last + 1] = [bits] * (last + 1 - first)
        else:
            found.precision[component][0] = 0
    found.scans.append((start, end))
    if interval and not found.restarts:
        expected = ceil(_blocks(found, components) / interval) - 1
        numbers = b"".join(_RESTART.findall(data, start, end))
        cycle = (b"\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7" * (expected // 8 + 1))[:expected]
        if not numbers.startswith(cycle):
            found.restarts = f"of its {expected} restart markers some are absent or exchanged"


def _blocks(found: Layout, components: list[int]) -> int:
    """Return how many units are coded in a scan: between two restart markers are `interval` of them."""
    across, down = (max(factors) for factors in zip(*found.sampling.values(), strict=True))
    if len(components) > 1:
        return ceil(found.width / (8 * across)) * ceil(found.height / (8 * down))
    h, v = found.sampling[components[0]]
    return ceil(ceil(found.width * h / across) / 8) * ceil(ceil(found.height * v / down) / 8)


class Watched(io.BytesIO):
    """A JPEG file that knows, once Pillow has loaded an image from it, whether the data and the picture end together.

    Only where all is coded in one scan: with several, no row is written before the last of them was read.
    """

    def __init__(self, data: bytes, layout: Layout, ink: int = 0):
        super().__init__(data)
        (start, self._end), *_ = layout.scans
        filler = data[self._end - 1 : self._end]
        # what some cameras put behind the picture; zeros can be data as well, of a part of one tone
        filled = filler in (b"\0", b"\xff")
        used = start + len(data[start : self._end].rstrip(filler)) if filled else self._end
        self._before = max(start, used - LEFT_OVER)
        self._filled = (used + 16, self._end - LEFT_OVER)  # 16: what the decoder reads ahead, and more
        self._is_filled = self._filled[0] <= self._filled[1]
        self._stops = [self._before, *(self._filled if self._is_filled else ()), self._end]
        self._written: dict[int, bool] = {}  # stop → whether the last row had been written there
        self._whole = True
        self._ink = _INKS[ink]
        self._image: Image.Image | None = None
        self._at_pixels = self._padded = False

    def watch(self, image: Image.Image) -> None:
        """Watch the picture that is about to be loaded from this file."""
        self._image = image

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes, up to the next place where the picture is looked at."""
        if self._image is None:
            return super().read(size)
        at = self.tell()
        if not self._at_pixels:
            self._at_pixels = True
            self._row(self._image, self._ink)
        if at == self._end and self._padded:
            self._whole = self._is_written(self._image)
        elif at in self._stops:
            self._written[at] = self._is_written(self._image)
            if at == self._end:
                self._padded = True
                return _PADDING
        following = next((stop for stop in self._stops if stop > at), None)
        if following is not None and (size is None or size < 0 or size > following - at):
            size = following - at
        return super().read(size)

    def problem(self) -> str:
        """Return what shows that the picture is not the one that was coded, or nothing."""
        if not self._whole:
            return "its data end before the picture does"
        behind, near_end = self._filled
        if self._done(self._before) or (self._is_filled and self._done(near_end) and not self._done(behind)):
            return "data are left over behind the picture, so bytes before them were changed or lost"
        return ""

    def _done(self, stop: int) -> bool:
        return self._written.get(stop, True)  # nothing is read any more when the picture is there

    @staticmethod
    def _row(image: Image.Image, ink: tuple[int, ...]) -> None:
        """Paint the last row before the picture is decoded over it."""
        width, height = image.size
        bands = len(image.getbands())
        image.im.paste(ink[:bands] if bands > 1 else ink[0], (0, height - 1, width, height))

    def _is_written(self, image: Image.Image) -> bool:
        width, height = image.size
        bands = len(image.getbands())
        ink = self._ink[:bands] if bands > 1 else self._ink[0]
        places = range(0, width, max(1, width // 16))
        return any(image.im.getpixel((x, height - 1)) != ink for x in places)
