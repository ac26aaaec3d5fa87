"""From the `implementation:` of a rule in YAML to a check, or to an error that names file and line.

This is the whole language of rules; a check that is not here does not exist.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, get_args

from registry_pipeline.contracts.model import (
    Across,
    Check,
    Compare,
    Expression,
    IdentifierFree,
    MaxLength,
    OneOf,
    Operator,
    Pattern,
    Range,
    RangeBy,
    Source,
    Summary,
)
from registry_pipeline.contracts.vocabulary import VocabularyPath, read_vocabulary, vocabulary_column, vocabulary_ranges
from registry_pipeline.errors import ContractError

Arguments = Mapping[str, Any]


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _range(arguments: Arguments, _: VocabularyPath) -> Check:
    check = Range(
        _decimal(arguments.get("min")), _decimal(arguments.get("max")), bool(arguments.get("min_exclusive", False))
    )
    if check.min is None and check.max is None:
        raise ValueError("`range` needs `min` or `max`")
    return check


def _one_of(arguments: Arguments, _: VocabularyPath) -> Check:
    values = arguments["values"]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("`one_of` needs `values`, a list of texts (quote words such as yes, no, on)")
    return OneOf(tuple(values))


def _vocabulary(arguments: Arguments, path: VocabularyPath) -> Check:
    listed = vocabulary_column(path(f"{arguments['name']}.csv"), str(arguments["column"]))
    return OneOf((*listed, *map(str, arguments.get("also", []))))


def _compare(arguments: Arguments, _: VocabularyPath) -> Check:
    if arguments["op"] not in get_args(Operator):
        raise ValueError(f"`op` must be one of {' '.join(get_args(Operator))}")
    return Compare(str(arguments["left"]), arguments["op"], str(arguments["right"]))


def _range_by(arguments: Arguments, path: VocabularyPath) -> Check:
    key, vocabulary = str(arguments["key"]), str(arguments["vocabulary"])
    low, high = str(arguments["min"]), str(arguments["max"])
    return RangeBy(key, vocabulary, vocabulary_ranges(path(f"{vocabulary}.csv"), key, low, high))


def _across(arguments: Arguments, path: VocabularyPath) -> Check:
    summaries = arguments.get("summaries", {})
    return Across(str(arguments["sql"]), tuple(_summary(name, given, path) for name, given in summaries.items()))


def _summary(name: str, arguments: Arguments, path: VocabularyPath) -> Summary:
    if unknown := sorted(set(arguments) - {"of", "where", "by", "for", "values"}):
        raise ValueError(f"the summary `{name}` has no argument `{unknown[0]}`")
    by, row = _texts(arguments["by"]), _texts(arguments.get("for", arguments["by"]))
    if len(by) != len(row):
        raise ValueError(f"`by` and `for` of the summary `{name}` differ in number")
    values = tuple((str(value), str(sql)) for value, sql in arguments["values"].items())
    schema, _, table = str(arguments["of"]).rpartition(".")
    columns = tuple(read_vocabulary(path(f"{table}.csv"))[0]) if schema == "reference" else ()
    return Summary(name, str(arguments["of"]), by, row, arguments.get("where"), values, columns)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


_PARSERS: dict[str, tuple[frozenset[str], Callable[[Arguments, VocabularyPath], Check]]] = {
    "range": (frozenset({"min", "max", "min_exclusive"}), _range),
    "one_of": (frozenset({"values"}), _one_of),
    "vocabulary": (frozenset({"name", "column", "also"}), _vocabulary),
    "pattern": (frozenset({"regex"}), lambda arguments, _: Pattern(str(arguments["regex"]))),
    "max_length": (frozenset({"n"}), lambda arguments, _: MaxLength(int(arguments["n"]))),
    "compare": (frozenset({"left", "op", "right"}), _compare),
    "expression": (frozenset({"sql"}), lambda arguments, _: Expression(str(arguments["sql"]))),
    "range_by": (frozenset({"key", "vocabulary", "min", "max"}), _range_by),
    "across": (frozenset({"sql", "summaries"}), _across),
    "identifier_free": (frozenset(), lambda _arguments, _path: IdentifierFree()),
}


def parse_check(implementation: Any, source: Source, vocabulary_path: VocabularyPath) -> Check:
    """Return the check that an `implementation:` mapping asks for.

    Raises:
        ContractError: If the check is unknown, has an unknown or missing argument, or its vocabulary is missing.
    """
    fail = partial(ContractError, file=source.file, line=source.line)
    if not isinstance(implementation, dict) or implementation.get("check") not in _PARSERS:
        known = ", ".join(sorted(_PARSERS))
        name = implementation.get("check") if isinstance(implementation, dict) else None
        raise fail(f"`{name}` is not a known check.", remedy=f"Use one of: {known}.")
    arguments = {key: value for key, value in implementation.items() if key != "check"}
    allowed, parser = _PARSERS[implementation["check"]]
    if unknown := sorted(set(arguments) - allowed):
        raise fail(
            f"The check `{implementation['check']}` has no argument {', '.join(f'`{name}`' for name in unknown)}.",
            remedy=f"It takes: {', '.join(sorted(allowed)) or 'none'}.",
        )
    try:
        return parser(arguments, vocabulary_path)
    except KeyError as error:
        raise fail(f"The check `{implementation['check']}` lacks {error}.", remedy="Add the argument.") from error
    except (ValueError, TypeError, AttributeError, InvalidOperation) as error:
        raise fail(
            f"The check `{implementation['check']}` cannot be compiled: {error}.", remedy="Mend its arguments."
        ) from error
