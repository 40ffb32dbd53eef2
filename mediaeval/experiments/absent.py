"""The weight files that an experiment's extractors lack: which, where they are from, and what can be run without."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mediaeval.config import Config
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.steps.weight_files import ExtractorFile, files_of_extractors, with_sources
from mediaeval.weights.fetch import failure_of
from submission.wording import counted


@dataclass(frozen=True)
class AbsentWeights:
    """The files that some extractors lack: file → its record, and which extractors need it, themselves or by another.

    `complete`: further extractors, all of whose files are here.
    """

    files: Mapping[str, ExtractorFile]
    needed_by: Mapping[str, tuple[str, ...]]
    complete: tuple[str, ...]

    def of(self, extractor: str) -> list[str]:
        """Return the names of the files that an extractor lacks."""
        return [name for name, needing in self.needed_by.items() if extractor in needing]

    def lines(self) -> list[str]:
        """Return a table of the files, and how to fetch them, as lines of a message; none where no file is absent."""
        if not self.files:
            return []
        failures = Counter(failure_of(file.file) for file in self.files.values())
        rows = [("file", "needed by", "from")]
        rows += [(name, ", ".join(self.needed_by[name]), _origin(file)) for name, file in self.files.items()]
        first, second = (max(len(row[k]) for row in rows) for k in (0, 1))
        published = any(file.file.url for file in self.files.values())
        return [
            "These files of weights are absent:",
            *(f"  {row[0]:<{first}}  {row[1]:<{second}}  {row[2]}" for row in rows),
            *(f"{counted(n, 'file{s}')} could not be fetched: {why}." for why, n in failures.items() if why),
            *(
                ["Fetch published files where there is a network: mediaeval weights fetch NAME (then --mirror FOLDER)."]
                if published
                else []
            ),
        ]

    def remedy(self) -> str:
        """Return which extractors can be used in place of those that lack files."""
        return f"Choose others, such as {', '.join(self.complete[:5])}: --use NAME,NAME."


def absent_weights(names: Iterable[str], config: Config) -> AbsentWeights:
    """Return the files that the extractors `names` lack, each once. Nothing is fetched."""
    known = config.all_extractors()
    lacking: dict[str, list[ExtractorFile]] = {name: _lacking(name, known) for name in names}
    files = {found.own or found.file.name: found for of_one in lacking.values() for found in of_one}
    needed_by = {
        file: tuple(name for name, of_one in lacking.items() if any((f.own or f.file.name) == file for f in of_one))
        for file in files
    }
    complete = tuple(name for name in known if name not in lacking and not _lacking(name, known))
    return AbsentWeights(files, needed_by, complete)


def _lacking(name: str, known: Mapping[str, ExtractorConfig]) -> list[ExtractorFile]:
    return [file for file in files_of_extractors(with_sources([name], known)) if not file.is_here]


def _origin(file: ExtractorFile) -> str:
    """Return where a file comes from, in a line: its address, or how it is made."""
    if file.own:
        return "your settings"
    return f"damaged; {file.file.address}" if file.status == "damaged" else file.file.address or file.file.origin
