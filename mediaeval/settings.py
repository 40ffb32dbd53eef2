"""Settings as pydantic models: what a setting may be is written once, and messages and the reference are read from it.

A leaf: it imports neither torch nor scikit-learn, so that a wrong setting is refused before anything heavy is loaded.

    class WalkSettings(Settings):
        pace: float = Field(default=5.0, gt=0, description="Kilometres an hour.")

    parse_settings(WalkSettings, {"pase": 3}, "walk")  # ConfigError: unknown setting 'walk.pase'. Did you mean 'pace'?
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mediaeval.errors import ConfigError, nearest
from mediaeval.toml_text import MAX_DEPTH, NotTomlError, parse_toml
from submission.wording import printable, quoted

JsonSchema = dict[str, Any]


class Settings(BaseModel):
    """Settings that belong together; each field has a type, bounds, a default and a description of one sentence.

    Values are not converted: 2.5 and true are not whole numbers, "5" is not a number. NaN and infinity are refused.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, validate_default=True, allow_inf_nan=False, protected_namespaces=()
    )


S = TypeVar("S", bound=BaseModel)

# Path of a file or folder; a relative one in mediaeval.toml is meant from the folder of that file.
PathText = Annotated[str, Field(json_schema_extra={"format": "path"})]
# TOML and JSON have lists where Python has tuples
WholeNumbers = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)]


def _for_all_channels(value: object) -> object:
    """Return one number as three equal ones; anything else as it is."""
    return [value] * 3 if isinstance(value, int | float) and not isinstance(value, bool) else value


# A number per channel; a single one stands for three equal ones
FOR_ALL_CHANNELS = BeforeValidator(_for_all_channels)
A_TRIPLE = Field(strict=False, examples=[[0.5, 0.5, 0.5]])
Number = Annotated[float, Field(strict=True)]
Positive = Annotated[float, Field(strict=True, gt=0)]
Triple = Annotated[tuple[Number, Number, Number], A_TRIPLE, FOR_ALL_CHANNELS]
PositiveTriple = Annotated[tuple[Positive, Positive, Positive], A_TRIPLE, FOR_ALL_CHANNELS]


def parse_settings(
    model: type[S], values: object, section: str = "", *, reference: str = "", beside: Iterable[str] = ()
) -> S:
    """Return `values`, a table of settings, as a checked `model`.

    section    where the table stands, such as `subtask1.classifier`, for messages; empty: at the top
    reference  what `mediaeval ls settings` calls these settings; messages about unknown ones name it
    beside     further names that the table may have and `values` lacks, for messages about unknown ones

    Raises ConfigError with every unknown setting, giving the nearest, and with every value that does not fit.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{section}: got {quoted(values)}; expected a table of settings.")
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(*_sentences(error, model, values, section, reference, beside)) from None


def setting_problems(model: type[BaseModel], values: object, section: str = "", *, reference: str = "") -> list[str]:
    """Return the sentences with which `parse_settings` would refuse `values`; none where they are right."""
    try:
        parse_settings(model, values, section, reference=reference)
    except ConfigError as error:
        return list(error.problems)
    return []


def parse_assignment(text: str, example: str) -> tuple[str, Any]:
    """Return the key and the value of --set KEY=VALUE; a VALUE that is not TOML is a string.

    Raises ConfigError, with `example`, for a text of another form.

    >>> parse_assignment("walk.legs = [3, 4]", "walk.pace=5"), parse_assignment("map=a.pdf", "walk.pace=5")
    (('walk.legs', [3, 4]), ('map', 'a.pdf'))
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or key.count(".") > MAX_DEPTH:
        raise ConfigError(f"--set {_shown(text)}: expected KEY=VALUE, such as {example}.")
    source = f"--set {_shown(key.strip())}"
    if "\n" in value.strip():  # several lines would be several settings
        return key.strip(), value.strip()
    try:
        return key.strip(), parse_toml(f"value = {value}", source)["value"]
    except NotTomlError:
        return key.strip(), value.strip()


def _shown(text: str) -> str:
    return printable(text if len(text) <= 100 else f"{text[:99]}…")


def unknown_key(what: str, path: str, known: Iterable[str], reference: str = "") -> str:
    """Return a sentence about a key that does not exist: the nearest that does, and all of them.

    >>> unknown_key("setting", "walk.pase", ["pace"])
    "unknown setting 'walk.pase'. Did you mean 'pace'? Known: pace."
    """
    known = list(known)
    hint = nearest(path.rpartition(".")[2], known)
    see = f" What they mean: mediaeval ls settings {reference}" if reference else ""
    return f"unknown {what} '{path}'.{hint} Known: {', '.join(known) or 'none'}.{see}"


def path_settings(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the names of the settings that are paths; of a table's, with a dot: `parts.pca`."""
    return tuple(name for name, schema in properties(model).items() if schema.get("format") == "path")


def properties(model: type[BaseModel]) -> dict[str, JsonSchema]:
    """Return the JSON schema of each field of a model, by name; the fields of a table within it as `table.field`."""
    if not model.model_fields:
        return {}
    schemas: dict[str, JsonSchema] = {}
    for name, schema in model.model_json_schema()["properties"].items():
        table = model.model_fields[name].annotation
        if isinstance(table, type) and issubclass(table, BaseModel):
            schemas |= {f"{name}.{field}": of_field for field, of_field in properties(table).items()}
        else:
            schemas[name] = schema
    return schemas


def type_in_words(schema: JsonSchema) -> str:
    """Return the type that a field's JSON schema describes: `whole number`, `number or choice`, `list of numbers`."""
    return " or ".join(dict.fromkeys(_type(option) for option in _options(schema)))


def range_in_words(schema: JsonSchema) -> str:
    """Return what a field's JSON schema allows within its type: `of at least 1`, `'a' or 'b'`, or nothing."""
    return ", or ".join(filter(None, (_range(option) for option in _options(schema))))


def expected_in_words(schema: JsonSchema) -> str:
    """Return what a field's JSON schema asks for, to end a sentence: `a whole number of at least 1`."""
    return ", or ".join(_expected(option) for option in _options(schema))


def _sentences(
    error: ValidationError,
    model: type[BaseModel],
    values: Mapping[str, Any],
    section: str,
    reference: str,
    beside: Iterable[str],
) -> list[str]:
    """Return a sentence for every setting that pydantic objects to."""
    schemas = properties(model)
    found: dict[str, str] = {}  # a setting of several types has an error for each of them: one sentence says it all
    for problem in error.errors():
        name = _name(problem["loc"], schemas)
        path = ".".join(filter(None, (section, name)))
        schema = schemas.get(name, {"type": "object"})
        if problem["type"] == "extra_forbidden":
            table = name[: name.rfind(".") + 1]
            known = [key.removeprefix(table) for key in schemas if key.startswith(table)]
            found[name] = unknown_key("setting", path, known if table else [*known, *beside], reference)
        elif problem["type"] == "missing" and name == ".".join(str(part) for part in problem["loc"]):
            found[name] = f"{path} is not set; expected {expected_in_words(schema)}."
        elif problem["type"] == "value_error":
            found[name] = f"{path}: {problem['msg'].removeprefix('Value error, ')}."
        else:
            found[name] = f"{path}: got {quoted(_value(values, name))}; expected {expected_in_words(schema)}."
    return list(found.values())


def _name(place: tuple[int | str, ...], schemas: Mapping[str, JsonSchema]) -> str:
    """Return the setting that a place in a table belongs to: `hidden` for (hidden, 0), an item of that list."""
    names = [".".join(str(part) for part in place[:n]) for n in range(1, len(place) + 1)]
    return next((name for name in names if name in schemas), names[-1] if names else "")


def _value(values: Mapping[str, Any], name: str) -> Any:
    """Return the value of a setting, also of one in a table within."""
    table, _, field = name.partition(".")
    return values[table][field] if field else values[table]


def _options(schema: JsonSchema) -> list[JsonSchema]:
    """Return the schemas of the types that a field may have; None stands for "not set", which nobody writes."""
    return [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]


def _choices(schema: JsonSchema) -> list[Any]:
    return [schema["const"]] if "const" in schema else schema.get("enum", [])


def _items(schema: JsonSchema) -> JsonSchema:
    """Return the schema of the items of a list; a tuple of three has three equal ones."""
    return schema["prefixItems"][0] if "prefixItems" in schema else schema.get("items", {})


_TYPES = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "string": "string",
    "object": "table",
}
_COUNTS = {2: "two", 3: "three", 4: "four"}


def _type(schema: JsonSchema) -> str:
    if _choices(schema):
        return "choice"
    if "$ref" in schema:
        return "table"
    if schema.get("type") == "array":
        length = f"{_COUNTS[schema['maxItems']]} " if "maxItems" in schema else "list of "
        return f"{length}{_type(_items(schema))}s"
    return "path" if schema.get("format") == "path" else _TYPES.get(schema.get("type", ""), "any value")


def _range(schema: JsonSchema) -> str:
    if choices := _choices(schema):
        *others, last = [f"'{choice}'" if isinstance(choice, str) else str(choice) for choice in choices]
        return f"{', '.join(others)} or {last}" if others else last
    if schema.get("type") == "array":
        return _range(_items(schema))
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if least is not None and most is not None:
        return f"from {least} to {most}"
    bounds = (("of at least", least), ("above", above), ("of at most", most), ("below", below))
    return " and ".join(f"{words} {bound}" for words, bound in bounds if bound is not None)


def _expected(schema: JsonSchema) -> str:
    kind, allowed = _type(schema), _range(schema)
    if kind == "choice":
        return allowed
    example = f", such as {schema['examples'][0]!r}" if "examples" in schema else ""
    article = "" if kind in ("true or false", "any value") or kind.startswith(tuple(_COUNTS.values())) else "a "
    return " ".join(filter(None, (article + kind.removesuffix(" choices"), allowed))) + example
