"""Holds answers against an OpenAPI 3.1 document: status, schema, and nothing that is not described.

It knows the words of JSON Schema that the document uses and stops at any other, so that none goes unchecked.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

Schema = dict[str, Any]
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
}
FORMATS: dict[str, Callable[[str], object]] = {"date-time": datetime.fromisoformat, "uuid": UUID}
SAYS_NOTHING = {"title", "description", "default", "examples", "required"}


class Document:
    """A controller's description of itself; `called` gathers the operations that were held against it."""

    def __init__(self, content: dict[str, Any]) -> None:
        self._content = content
        self.called: set[str] = set()

    @property
    def operations(self) -> set[str]:
        """The ids of all operations."""
        return {one["operationId"] for path in self._content["paths"].values() for one in path.values()}

    def check(self, method: str, path: str, status: int, body: Any) -> None:
        """Hold an answer against what is said of it. Raises AssertionError naming the place."""
        operation = self._operation(method, path.partition("?")[0])
        self.called.add(operation["operationId"])
        where = f"{operation['operationId']} {status}"
        described = operation["responses"].get(str(status))
        assert described is not None, f"{where} is not described"
        if "content" not in described:
            assert body is None, f"{where} has a body"
            return
        self._value(described["content"]["application/json"]["schema"], body, where)

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        # Of two that match, the one with fewer pieces to fill in is meant: /vms/actions, and not /vms/{id}.
        for template, operations in sorted(self._content["paths"].items(), key=lambda one: one[0].count("{")):
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in operations:
                return dict(operations[method.lower()])
        raise AssertionError(f"{method} {path} is not described")

    def _value(self, schema: Schema, value: Any, where: str) -> None:
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/components/schemas/")
            return self._value(self._content["components"]["schemas"][name], value, where)
        # The type first: the other words are about values of that type.
        for word in sorted(schema.keys() - SAYS_NOTHING, key=lambda word: word != "type"):
            getattr(self, f"_{word}", _unknown)(schema, value, where)
        return None

    def _type(self, schema: Schema, value: Any, where: str) -> None:
        is_bool = isinstance(value, bool) and schema["type"] != "boolean"
        assert isinstance(value, TYPES[schema["type"]]), f"{where} is no {schema['type']}: {value!r}"
        assert not is_bool, f"{where} is no {schema['type']}: {value!r}"

    def _format(self, schema: Schema, value: Any, where: str) -> None:
        try:
            FORMATS[schema["format"]](value)
        except ValueError as error:
            raise AssertionError(f"{where} is no {schema['format']}: {value!r}") from error

    def _items(self, schema: Schema, value: Any, where: str) -> None:
        for number, item in enumerate(value):
            self._value(schema["items"], item, f"{where}[{number}]")

    def _properties(self, schema: Schema, value: Any, where: str) -> None:
        missing = set(schema.get("required", ())) - value.keys()
        assert not missing, f"{where} has no {missing}"
        more = value.keys() - schema["properties"].keys()
        assert not more or "additionalProperties" in schema, f"{where} has {more}, which is not described"
        for name in value.keys() - more:
            self._value(schema["properties"][name], value[name], f"{where}.{name}")

    def _additionalProperties(self, schema: Schema, value: Any, where: str) -> None:  # noqa: N802
        named = schema.get("properties", {})
        for name, one in value.items():
            if name not in named and schema["additionalProperties"] is not True:
                self._value(schema["additionalProperties"], one, f"{where}.{name}")

    def _anyOf(self, schema: Schema, value: Any, where: str) -> None:  # noqa: N802
        problems = []
        for one in schema["anyOf"]:
            try:
                return self._value(one, value, where)
            except AssertionError as error:
                problems.append(str(error))
        raise AssertionError(" and ".join(problems))


def _unknown(schema: Schema, value: Any, where: str) -> None:
    raise AssertionError(f"{where}: the words {sorted(schema)} are not all known here")
