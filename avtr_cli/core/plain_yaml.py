"""YAML as people read it, by the core schema of YAML 1.2: `on`, `no`, `12:30`, `2024-05-01` are words.

`true` and `false` are the only booleans, numbers are decimal (`007` is 7, `1e-1` is 0.1), nothing is a date. Keys are
words and stand once in a table. Whatever else YAML can do or fail at becomes one ConfigError.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.textfile import quoted, read_text

MOST_DEPTH = 40  # tables within tables
MOST_NODES = 1_000_000  # values, with everything that aliases repeat counted as often as it stands
MOST_DIGITS = 400  # of a number

_MERGE = "tag:yaml.org,2002:merge"
_SCALARS = (  # tag, as it is written, its first letters
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    (_MERGE, "<<", ["<"]),
)


def load(text: str, where: str) -> Any:
    """The value that `text` writes; None where it writes none. `where` begins the ConfigError of what is no YAML."""
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_data()
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: {_sentence(error)}") from None
    except RecursionError:
        raise ConfigError(f"{where}: nested too deeply") from None
    finally:
        if loader is not None:
            loader.dispose()


def load_file(path: Path) -> Any:
    """The value of a YAML file. Raises ConfigError where it cannot be read or is none."""
    return load(read_text(path), str(path))


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML comes without types
    """PyYAML's safe loader with the scalars above, distinct keys that are words, and bounds."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - none of YAML 1.1's

    def __init__(self, text: str):
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise _Refused("nested too deeply", self.peek_event())
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def get_single_node(self) -> Node | None:
        node = super().get_single_node()
        if node is not None:
            _check(node, {}, ())
        return node

    def construct_number(self, node: Node) -> int | float:
        text = str(self.construct_scalar(node))
        if len(text) > MOST_DIGITS:
            raise _Refused(f"a number of {len(text)} digits", node)
        if re.fullmatch(_SCALARS[2][1], text):
            return int(text)
        try:
            return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
        except ValueError:  # an explicit !!float of a word
            raise _Refused(f"{quoted(text, 40)} is no number", node) from None

    def construct_bool(self, node: Node) -> bool:
        text = str(self.construct_scalar(node)).lower()
        if text not in ("true", "false"):  # an explicit !!bool of a word
            raise _Refused(f"{quoted(text, 40)} is neither true nor false", node)
        return text == "true"


for _tag, _pattern, _letters in _SCALARS:
    _Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), _letters)
# PyYAML's table of all tags, less those that make what no setting is: dates, sets, pairs, bytes.
_Loader.yaml_constructors = {
    **{f"tag:yaml.org,2002:{name}": _Loader.construct_number for name in ("int", "float")},
    "tag:yaml.org,2002:bool": _Loader.construct_bool,
    **{
        tag: make
        for tag, make in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in ("null", "str", "seq", "map")
    },
}


class _Refused(yaml.constructor.ConstructorError):  # type: ignore[misc]  # PyYAML comes without types
    """YAML well written, but nothing that settings are made of."""

    def __init__(self, what: str, at: Any):
        super().__init__(problem=what, problem_mark=at.start_mark)


def _check(node: Node, sizes: dict[int, int], above: tuple[int, ...]) -> int:
    """How many values a node stands for. Raises _Refused for too many, for a ring, and for keys that will not do.

    Before anything is made of the nodes: a merge (`<<`) changes them then.
    """
    if not isinstance(node, CollectionNode):
        return 1
    if id(node) in above:
        raise _Refused("a value that holds itself", node)
    if id(node) not in sizes:
        if isinstance(node, MappingNode):
            _check_keys([key for key, _ in node.value])
        inner = [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
        sizes[id(node)] = 1 + sum(_check(part, sizes, (*above, id(node))) for part in inner)
        if sizes[id(node)] > MOST_NODES:
            raise _Refused(f"its aliases multiply to more than {MOST_NODES:,} values", node)
    return sizes[id(node)]


def _check_keys(keys: list[Node]) -> None:
    seen = set()
    for key in keys:
        if not isinstance(key, ScalarNode):
            raise _Refused("a key is a word, not a list or a table", key)
        if key.tag not in ("tag:yaml.org,2002:str", _MERGE):
            raise _Refused(
                f"the key {' '.join(key.value[:40].split())} is no word; put it in quotes if it is meant as one", key
            )
        if key.value in seen:
            raise _Refused(f"the key {quoted(key.value, 40)} stands twice in one table", key)
        seen.add(key.value)


def _sentence(error: yaml.YAMLError) -> str:
    """What is wrong and in which line, on one line."""
    if isinstance(error, yaml.reader.ReaderError):
        return f"not a YAML file (it holds the character {quoted(chr(int(error.character)))}, which no text file has)"
    mark = getattr(error, "problem_mark", None)
    line = f"line {mark.line + 1}: " if mark is not None else ""
    if isinstance(error, _Refused):
        return f"{line}{error.problem}"
    return f"not a YAML file ({line}{' '.join(str(getattr(error, 'problem', None) or error).split())})"
