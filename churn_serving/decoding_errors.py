"""What is wrong with a request, said without any of its values.

msgspec's messages name the expected type and the path, both ours, but two of them repeat what the client sent: the
name of an unknown field and a value outside a list. Those are said anew from what we know.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from churn_serving.problems import Problem

_PATH = re.compile(r" - at `(\$[^`]*)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(\w+)`$")
_PLACES = re.compile(r"\$(?:\.\w+|\[\d+\])*")
_FIELDS = ("customer_id", "features", "overrides", "customers", "threshold")


def problem_of(error: Exception, names: Sequence[str], categories: Mapping[str, Sequence[str]]) -> Problem:
    """Return the problem that a client is told.

    Args:
        error: what decoding raised.
        names: the known features.
        categories: the known values of each category.
    """
    if isinstance(error, RecursionError):
        return Problem(422, "the body is nested too deeply: an object of flat features is expected")
    message = str(error)
    found = _PATH.search(message)
    path = found.group(1) if found and _is_ours(found.group(1), names) else None
    plain = message[: found.start()] if found else message
    if missing := _MISSING.match(plain):
        return Problem(
            422, f"the field {missing.group(1)} is missing", field=f"{path or '$'}.{missing.group(1)}"
        )
    if unknown := _UNKNOWN.match(plain):
        return Problem(422, _unknown(unknown.group(1), names), field=path or "$")
    if plain.startswith("Expected"):
        return Problem(422, plain, field=path or "$")
    if plain.startswith("Invalid enum value"):
        feature = (path or "").rpartition(".")[2]
        return Problem(422, f"expected one of {', '.join(categories.get(feature, ()))}, or null", field=path)
    return Problem(
        422, "the body is no valid JSON in UTF-8 (numbers are finite, as JSON has them)", field=path
    )


def _is_ours(path: str, names: Sequence[str]) -> bool:
    """Tell whether a path consists of our names alone; the name of an unknown field may look like one."""
    return bool(_PLACES.fullmatch(path)) and {*names, *_FIELDS}.issuperset(re.findall(r"\.(\w+)", path))


def _unknown(name: str, names: Sequence[str]) -> str:
    """Say that a field is not known, and which known one is alike, without repeating it."""
    alike = difflib.get_close_matches(name[:64], (*names, *_FIELDS), n=1, cutoff=0.7)
    return "an unknown field" + (
        f": did you mean {alike[0]}?" if alike else "; /openapi.json lists the known ones"
    )
