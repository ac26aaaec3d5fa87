"""YAML read together with the line of every node, so that an error in content can name its line."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from registry_pipeline.errors import ConfigurationError

Location = tuple[str | int, ...]

# The C loader is several times faster, and a home may have a thousand feeds.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class YamlSource:
    """The content of a YAML file and where each part of it stands. Shared by all who read the file: never change it."""

    file: Path
    data: Any
    _lines: dict[Location, int]

    def line(self, location: Location) -> int:
        """Return the line (from 1) of the node at `location`, or of its nearest ancestor that is written."""
        while location and location not in self._lines:
            location = location[:-1]
        return self._lines.get(location, 1)


def _collect_lines(node: yaml.Node, location: Location, lines: dict[Location, int]) -> None:
    lines.setdefault(location, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*location, str(key.value))
            lines[here] = key.start_mark.line + 1
            _collect_lines(value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _collect_lines(item, (*location, index), lines)


def _refuse_repeated_keys(node: yaml.Node, path: Path) -> None:
    children = [pair[1] for pair in node.value] if isinstance(node, yaml.MappingNode) else []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise ConfigurationError(
                    f"The key `{key.value}` is written twice.",
                    remedy="Keep one of them.",
                    file=path,
                    line=key.start_mark.line + 1,
                )
            seen.add(key.value)
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    for child in children:
        _refuse_repeated_keys(child, path)


def read_yaml(path: Path) -> YamlSource:
    """Read one YAML document.

    Raises:
        ConfigurationError: If the file is missing, not UTF-8, not YAML, or repeats a key; with the line.
    """
    try:
        return _parsed(path, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "The file cannot be read as UTF-8 text.", remedy="Check that it exists and its encoding.", file=path
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigurationError(
            f"The file is not YAML: {getattr(error, 'problem', None) or 'it cannot be parsed'}.",
            remedy="Mend the line.",
            file=path,
            line=mark.line + 1 if mark else None,
        ) from error


# Every stage of a night reads the contracts and feeds; parsing a thousand feeds anew each time would take seconds.
@lru_cache(maxsize=4096)
def _parsed(path: Path, text: str) -> YamlSource:
    loader = _Loader(text)
    node = loader.get_single_node()
    if node is None:
        raise ConfigurationError("The file is empty.", remedy="Write its content or delete it.", file=path)
    _refuse_repeated_keys(node, path)
    data = loader.construct_document(node)
    lines: dict[Location, int] = {}
    _collect_lines(node, (), lines)
    return YamlSource(path, data, lines)
