"""A report as one HTML file that asks nobody for anything: its pictures, its numbers and its script are inside.

The texts and charts are made here, of the templates in `page/`; the script beside them draws what changes: the gallery,
the image that is looked at, and what moved thresholds lead to.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from PIL import Image

from mediaeval.errors import ImageError
from mediaeval.files import write_atomically
from mediaeval.reports.charts import Axes, ranks, score_lines, spread
from mediaeval.reports.sprites import LARGE, TILE, Sprites, pictures, sprites, thumbnail
from submission.wording import printable

LIMIT = 5_000_000  # bytes of a page
_FOR_LARGE, _FOR_MAPS = 0.4, 0.15  # of what the texts leave for pictures; the tiles take the rest
_A_PLACE = 24  # bytes of an image's place on a sheet, at most
_SCRIPTS = ("basics.js", "decisions.js", "look.js", "gallery.js", "thresholds.js", "start.js")  # in this order

Maps = Mapping[str, Mapping[int, Sequence[tuple[str, Image.Image]]]]


@dataclass(frozen=True)
class WrittenPage:
    """A page that was written: its size in bytes, and why images have no tile, by their index in the report."""

    path: Path
    size: int
    gone: dict[int, str]


def write_page(
    report: Mapping[str, Any],
    images: Mapping[int, Path],
    out: Path,
    *,
    tile: int = TILE,
    maps: Maps | None = None,
    limit: int = LIMIT,
) -> WrittenPage:
    """Write a report as a page.

    report  as `report.json` holds it
    images  index in report["images"] → the file, of the images that may be shown; what cannot be decoded is a grey tile
    tile    pixels of the longer side of an image in the gallery
    maps    subtask → index → (label, picture): what the network looks at
    limit   bytes of the file that pictures fill at most; texts and numbers are never cut
    """
    safe = _printable(report)
    text = _render(safe, island := _island(report, safe), Sprites(tile, 1, (), {}, {}))
    budget = max(limit - len(text.encode()) - _A_PLACE * len(images), 0)
    large = _large(safe, images, int(budget * _FOR_LARGE))
    drawn = _maps(maps or {}, int(budget * _FOR_MAPS))
    spent = sum(map(len, large.values())) + sum(
        len(m["picture"]) for d in drawn.values() for s in d.values() for m in s
    )
    tiles = sprites(images, budget - spent, tile)
    for index, why in tiles.gone.items():
        island["images"][index][1] = printable(why)
    island |= {"large": large, "maps": drawn}
    data = _render(safe, island, tiles).encode()
    write_atomically(out, data)
    return WrittenPage(out, len(data), tiles.gone)


def _large(report: Mapping[str, Any], images: Mapping[int, Path], budget: int) -> dict[int, str]:
    """Return the larger pictures of the images that are hard in any subtask."""
    hard = sorted({k for subtask in report["subtasks"] for k in subtask.get("hard") or ()} & set(images))

    def decoded() -> Iterator[tuple[int, Image.Image]]:
        for index in hard:
            try:
                yield index, thumbnail(images[index], LARGE)
            except ImageError:
                continue  # the reason is given with its tile

    return dict(pictures(decoded(), len(hard), budget))


def _maps(maps: Maps, budget: int) -> dict[str, dict[int, list[dict[str, str]]]]:
    flat = [(name, index, label, p) for name, of in maps.items() for index, ps in of.items() for label, p in ps]
    encoded = pictures(((k, picture) for k, (*_, picture) in enumerate(flat)), len(flat), budget)
    found: dict[str, dict[int, list[dict[str, str]]]] = {}
    for k, uri in encoded:
        name, index, label, _ = flat[k]
        found.setdefault(name, {}).setdefault(index, []).append({"label": printable(label), "picture": uri})
    return found


def _island(report: Mapping[str, Any], safe: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the script needs. Names that it writes into a file stand beside those that it shows."""
    kept = ("name", "title", "form", "where", "rows", "thresholds", "metric")
    subtasks = []
    for own, shown in zip(report["subtasks"], safe["subtasks"], strict=True):
        labels = [label["short"] or label["name"] for label in shown["labels"]]
        raw = {"key": own["name"], "keys": [label["name"] for label in own["labels"]]}
        subtasks.append({part: shown.get(part) for part in kept} | {"labels": labels} | raw)
    return {
        "run": report["runs"][0]["name"],
        "digest": report["runs"][0]["digest"],
        "runs": [run["name"] for run in safe["runs"]],
        "images": [[image["id"], image["gone"], image["path"]] for image in safe["images"]],
        "subtasks": subtasks,
        "large": {},
        "maps": {},
    }


def _render(report: Mapping[str, Any], island: Mapping[str, Any], tiles: Sprites) -> str:
    folder = Path(__file__).parent / "page"
    scripts = [(folder / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"number": number, "interval": interval, "signed": "{:+.3f}".format}
    environment.globals |= {"Axes": Axes, "ranks": ranks, "score_lines": score_lines, "short": short, "spread": spread}
    places = {k: [p.sheet, p.k, p.width, p.height] for k, p in tiles.places.items()}
    island = {**island, "tile": tiles.tile, "columns": tiles.columns, "places": places}
    return environment.get_template("page.html").render(
        report=report,
        island=Markup(json_island(island)),
        style=Markup((folder / "style.css").read_text(encoding="utf-8")),
        sheets=Markup("\n".join(f'.s{k}{{background-image:url("{uri}")}}' for k, uri in enumerate(tiles.sheets))),
        scripts=[Markup(script) for script in scripts],
        policy=_policy(scripts),
        tile=tiles.tile,
    )


def _policy(scripts: Sequence[str]) -> str:
    """Return a Content-Security-Policy that forbids every request, and every script but these."""
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )


def json_island(value: Any) -> str:
    r"""Return JSON that may stand within a script element: no character in it can end the element.

    >>> json_island({"a": "</script>"})
    '{"a":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _printable(value: Any) -> Any:
    """Return a report whose texts hold no character that would move or reorder others."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {key: _printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    return value


def short(subtask: Mapping[str, Any], label: str) -> str:
    """Return how a label of a report's subtask is shown, of its full name; other names stay as they are."""
    return next((one["short"] for one in subtask["labels"] if one["name"] == label and one["short"]), label)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number as the page shows it.

    >>> number(0.5), number(None), number(1234.5)
    ('0.500', '–', '1234')
    """
    if value is None:
        return "–"
    return f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:.0f}"


def interval(ends: Sequence[float] | None) -> str:
    """Return an interval in words, nothing of none.

    >>> interval([0.25, 0.5]), interval(None)
    ('0.250 to 0.500', '')
    """
    return "" if ends is None else f"{number(ends[0])} to {number(ends[1])}"
