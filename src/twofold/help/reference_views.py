"""The API's description as its page shows it: each call with its fields, an example and its refusals."""

import json
from http import HTTPStatus
from typing import Any, NamedTuple

from twofold.help.examples import ID, Schema, example
from twofold.help.refusals import ANY, OWN
from twofold.kit.http.problems import TITLES

METHODS = ("get", "post", "put", "patch", "delete")


class Field(NamedTuple):
    """What a call takes."""

    name: str
    place: str
    type: str
    required: bool
    meaning: str


class Refusal(NamedTuple):
    """A status with its stable code."""

    status: int
    code: str
    title: str


class Call(NamedTuple):
    """A call as it is read; `sent` and `answered` are examples of bodies, "" where there is none."""

    method: str
    path: str
    summary: str
    description: str
    fields: list[Field]
    address: str
    sent: str
    status: int
    phrase: str
    answered: str
    refusals: list[Refusal]


class Group(NamedTuple):
    """Calls that belong together."""

    name: str
    calls: list[Call]


def groups(described: Schema) -> list[Group]:
    """Return all calls, as the description groups them."""
    known, found = described["components"]["schemas"], dict[str, list[Call]]()
    for path, calls in described["paths"].items():
        for method in METHODS:
            if method in calls:
                call = calls[method]
                found.setdefault((call.get("tags") or ["Other"])[0], []).append(_call(known, path, method, call))
    return [Group(name, calls) for name, calls in found.items()]


def any_call() -> list[Refusal]:
    """Return the refusals that every call may have."""
    return refusals(ANY)


def refusals(listed: str) -> list[Refusal]:
    """Read refusals as they are listed: "401 invalid_code, 423 locked"."""
    pairs = [one.split() for one in listed.split(", ") if one]
    return [Refusal(int(status), code, TITLES[code]) for status, code in pairs]


def _call(known: dict[str, Schema], path: str, method: str, call: dict[str, Any]) -> Call:
    status = min(int(status) for status in call["responses"])
    body, answer = _body(call.get("requestBody", {})), _body(call["responses"][str(status)])
    fields = [_parameter(one) for one in call.get("parameters", [])] + _fields(known, body)
    return Call(
        method.upper(), path, call.get("summary") or "", call.get("description") or "", fields,
        _address(path, known, call), _shown(known, body), status, HTTPStatus(status).phrase, _shown(known, answer),
        refusals(OWN[call["operationId"]]),
    )  # fmt: skip


def _body(part: dict[str, Any]) -> Schema:
    schema: Schema = part.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def _shown(known: dict[str, Schema], schema: Schema) -> str:
    return json.dumps(example(schema, known), indent=2, ensure_ascii=False) if schema else ""


def _address(path: str, known: dict[str, Schema], call: dict[str, Any]) -> str:
    asked = [one for one in call.get("parameters", []) if one["in"] == "query"][:2]
    for one in call.get("parameters", []):
        path = path.replace("{" + one["name"] + "}", ID)
    query = "&".join(f"{one['name']}={example(one['schema'], known, one['name'])}" for one in asked)
    return f"{path}?{query}" if query else path


def _fields(known: dict[str, Schema], schema: Schema) -> list[Field]:
    body = known.get(schema.get("$ref", "").rpartition("/")[2], {})
    required = body.get("required", [])
    return [
        Field(name, "body", _type(part), name in required, _meaning(part))
        for name, part in body.get("properties", {}).items()
    ]


def _parameter(one: dict[str, Any]) -> Field:
    meaning = one.get("description") or _meaning(one["schema"])
    return Field(one["name"], one["in"], _type(one["schema"]), one.get("required", False), meaning)


def _meaning(part: Schema) -> str:
    said = [
        part.get("description", ""),
        _span(part, "minLength", "maxLength", " characters"),
        _span(part, "minimum", "maximum"),
    ]
    said += [f"at most {part['maxItems']} of them"] if "maxItems" in part else []
    said += ["one of " + ", ".join(map(str, part["enum"]))] if "enum" in part else []
    return "; ".join(one for one in said if one)


def _span(part: Schema, least: str, most: str, unit: str = "") -> str:
    if most not in part:
        return f"at least {part[least]}{unit}" if least in part else ""
    return f"{part[least]} to {part[most]}{unit}" if least in part else f"at most {part[most]}{unit}"


def _type(part: Schema) -> str:
    kinds = [_type(option) for option in part.get("oneOf", [])] or [
        str(part.get("format") or part.get("type", "object"))
    ]
    return " or ".join(dict.fromkeys(kinds))
