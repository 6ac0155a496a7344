"""What is wrong with settings, in words: the place, what was found and what is allowed there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from commandline.nearest import nearest

CHOICES = ("enum", "literal_error")


def tell_problems(
    kind: type[BaseModel], error: ValidationError, without: Sequence[str] = ()
) -> list[str]:
    """A line for each problem.

    Args:
        kind: what the settings were to be.
        error: what validation found.
        without: types of errors that are left out, as pydantic names them.
    """
    found = error.errors(include_url=False)
    return [tell_problem(kind, each) for each in found if each["type"] not in without]


def tell_problem(kind: type[BaseModel], found: ErrorDetails) -> str:
    """One problem of settings that were to be of a kind."""
    *above, last = found["loc"] or ("settings",)
    place, value = ".".join(map(str, [*above, last])), found.get("input")
    if found["type"] == "extra_forbidden":
        return f"{place}: there is no such key.{nearest(last, fields_at(kind, above))}"
    if found["type"] in CHOICES and isinstance(value, str):
        allowed = re.findall(r"'([^']*)'", found["ctx"]["expected"])
        return f"{place}: found {value!r}.{nearest(value, allowed)}"
    said = found["msg"].removeprefix("Value error, ")
    simple = isinstance(value, str | int | float) and found["type"] != "value_error"
    return f"{place}: {said}" + (f", found {value!r}" if simple else "")


def fields_at(kind: type[BaseModel], place: Sequence[Any]) -> Mapping[str, Any]:
    """The keys that there are at a place of a model."""
    for key in place:
        field = kind.model_fields.get(key)
        parts = (field.annotation, *get_args(field.annotation)) if field else ()
        models = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
        kind = models[0] if models else kind
    return kind.model_fields
