"""Requests that were right once: one for each route, made from its description, and what chance makes of them."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from urllib.parse import quote

JSON = b"application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it goes over the wire.

    Attributes:
        method: its method.
        path: raw, percent-encoded.
        headers: names in lower case, and values.
        chunks: the body as it arrives.
    """

    method: str
    path: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    chunks: tuple[bytes, ...] = (b"",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A request that is right.

    Attributes:
        method: of its route.
        path: of its route, with `{names}`.
        body: None where there is none.
    """

    method: str
    path: str
    body: Any


def seeds(document: dict[str, Any], words: dict[str, Any]) -> Iterator[Seed]:
    """One for each route of an OpenAPI document; `words` are the values of fields by name, as far as it matters."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            body = None if content is None else _example(content["schema"], document, words)
            yield Seed(method=method.upper(), path=path, body=body)


def _example(schema: dict[str, Any], document: dict[str, Any], words: dict[str, Any]) -> Any:
    """A value with every field that a schema knows, but for those that exclude one another."""
    if "$ref" in schema:
        found = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return _example(found, document, words)
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], document, words)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") == "date-time":
        return words["timestamp"]
    if schema.get("type") == "object":
        fields = schema.get("properties", {})
        made = {name: words.get(name) or _example(field, document, words) for name, field in fields.items()}
        return {name: value for name, value in made.items() if value != "left out"}
    if schema.get("type") == "array":
        return [_example(schema.get("items", {}), document, words)]
    return {"integer": 3, "number": 1.5, "boolean": True, "null": None}.get(schema.get("type", ""), "word")


def mutated(seed: Seed, rng: Random) -> Asked:
    """The request after one to three changes: to a value, a key, the text, the bytes, the headers or the path."""
    body, text = json.loads(json.dumps(seed.body)), None
    if seed.body is not None:
        for _ in range(rng.choice((0, 1, 1, 2))):
            body = rng.choice(_VALUES)(body, rng)
        text = _written(body, rng)
        for _ in range(rng.choice((0, 0, 1))):
            text = rng.choice(_BYTES)(text, rng)
    asked = Asked(
        method=seed.method,
        path=_path(seed.path, rng),
        headers=() if text is None else ((b"content-type", JSON), (b"content-length", str(len(text)).encode())),
        chunks=_cut(text or b"", rng),
    )
    return rng.choice(_HEADERS)(asked, rng) if rng.random() < 0.15 else asked


_LONGEST = 4_000
"""Entries of a list that was repeated: far beyond what is taken, and twice over it still fits into memory."""


def _deep(rng: Random) -> Any:
    value: Any = []
    for _ in range(rng.choice((5, 60, 400))):
        value = [value] if rng.random() < 0.5 else {"any": value}
    return value


_PLAIN: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1000, 1001, 2**31, 2**63, -(2**64), 10**400),
    *(0.5, -0.0, 20.0, 1e308, 5e-324, float("nan"), float("inf")),
    *("", " ", "\0", "\ud800", "a\udfffb", "\u202e", "🎈", "5", "NaN", "true"),
    *("../../etc/passwd", "' OR 1=1 --", "%00", "${jndi:x}", "__proto__"),
    *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2024-02-30T0:0Z"),
)

_MADE: tuple[Callable[[Random], Any], ...] = (
    lambda rng: "ß" * rng.choice((128, 129, 20_000)),
    lambda rng: "a" * rng.choice((256, 257, 5_000, 300_000)),
    lambda rng: ["i00001"] * rng.choice((0, 1000, 1001)),
    lambda rng: {f"k{n}": n for n in range(rng.choice((0, 64, 65)))},
    lambda rng: rng.getrandbits(64) * 10.0 ** rng.randint(-300, 280),
    _deep,
)


def _odd(rng: Random) -> Any:
    return rng.choice(_PLAIN) if rng.random() < 0.8 else rng.choice(_MADE)(rng)


def _places(body: Any) -> list[tuple[Any, Any]]:
    """Every value of a body: what holds it, and where."""
    found: list[tuple[Any, Any]] = []
    waiting = [body]
    while waiting and len(found) < 500:
        each = waiting.pop()
        inside = each.items() if isinstance(each, dict) else enumerate(each) if isinstance(each, list) else ()
        found += [(each, where) for where, _ in inside]
        waiting += [value for _, value in inside]
    return found


def _replaced(body: Any, rng: Random) -> Any:
    places = _places(body)
    if not places or rng.random() < 0.03:
        return _odd(rng)
    holder, where = rng.choice(places)
    holder[where] = _odd(rng)
    return body


def _without(body: Any, rng: Random) -> Any:
    if places := _places(body):
        holder, where = rng.choice(places)
        del holder[where]
    return body


def _renamed(body: Any, rng: Random) -> Any:
    if places := [(holder, where) for holder, where in _places(body) if isinstance(holder, dict)]:
        holder, where = rng.choice(places)
        key = rng.choice((where.upper(), where + " ", "", "\ud800", "\0", "k" * 300, "user_id", "__class__"))
        holder[key] = holder[where] if rng.random() < 0.5 else holder.pop(where)
    return body


def _repeated(body: Any, rng: Random) -> Any:
    if places := [(holder, where) for holder, where in _places(body) if isinstance(holder[where], list)]:
        holder, where = rng.choice(places)
        times = min(rng.choice((2, 999, 1001, 4_000)), 1 + _LONGEST // max(1, len(holder[where])))
        holder[where] = (holder[where] * times)[:_LONGEST]
    return body


_VALUES = (_replaced, _replaced, _replaced, _without, _renamed, _repeated)


def _written(body: Any, rng: Random) -> bytes:
    text = json.dumps(body, ensure_ascii=rng.random() < 0.8, indent=rng.choice((None, None, 1)))
    if rng.random() < 0.05 and text.startswith("{"):  # a key twice
        text = text[:1] + text[1:-1].strip() + ("," if len(text) > 2 else "") + text[1:]
    return text.encode("utf-8", "surrogatepass")


def _flipped(text: bytes, rng: Random) -> bytes:
    changed = bytearray(text)
    for _ in range(rng.choice((1, 1, 2, 10))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut_off(text: bytes, rng: Random) -> bytes:
    return text[: rng.randrange(len(text) + 1)]


def _doubled(text: bytes, rng: Random) -> bytes:
    start, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    return text[:end] + text[start:end] * rng.choice((1, 1, 3)) + text[end:]


def _inserted(text: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.randbytes(rng.choice((1, 2, 30))) + text[at:]


_BYTES: tuple[Callable[[bytes, Random], bytes], ...] = (
    _flipped,
    _flipped,
    _cut_off,
    _doubled,
    _inserted,
    lambda text, rng: b"\xef\xbb\xbf" + text,
    lambda text, rng: text.decode("utf-8", "replace").encode(rng.choice(("utf-16", "utf-32", "utf-7"))),
    lambda text, rng: gzip.compress(text),
    lambda text, rng: text + b" " * rng.choice((1, 256 * 1024)),
    lambda text, rng: text + text,
    lambda text, rng: rng.choice((b"[", b'{"a":')) * rng.choice((500, 5_000, 100_000)),
    lambda text, rng: (
        b'{"k": ' + rng.choice((b"9" * 5000, b"1e999", b"-Infinity", b"0x10", b"01", b"1.", b"+1")) + b"}"
    ),
    lambda text, rng: rng.choice((b"", b"null", b"[]", b'""', b"0", b"{}", b"{{}}", b"user_id=1")),
)


def _path(template: str, rng: Random) -> bytes:
    path = ""
    for part in template.split("/")[1:]:
        path += "/" + (_named(rng) if part.startswith("{") else part)
    if rng.random() < 0.03:
        path = rng.choice(
            (path + "/", "/" + path, path + "/..", path.upper(), path + "?k=1&k=%ff", path + "%0a", path[:-1])
        )
    return path.encode("ascii") or b"/"


def _named(rng: Random) -> str:
    """An id in a path, percent-encoded."""
    if rng.random() < 0.3:
        return rng.choice(("i00001", "u00001", "similar", "nobody"))
    if rng.random() < 0.5:
        return quote(rng.randbytes(rng.choice((1, 3, 20))), safe="")
    odd = (
        "",
        "..",
        ".",
        "/",
        "a/b",
        "//",
        "\0",
        "a\nb",
        "a\n",
        "%",
        "%zz",
        "a?b#c",
        "🎈" * 65,
        "a" * 5_000,
        "\u202e",
        "{x}",
    )
    return quote(rng.choice(odd), safe=rng.choice(("", "/")))


def _cut(text: bytes, rng: Random) -> tuple[bytes, ...]:
    if rng.random() < 0.8 or len(text) < 2:
        return (text,)
    at = rng.randrange(len(text))
    return text[:at], b"", text[at:]


def _header(name: bytes, *values: bytes) -> Callable[[Asked, Random], Asked]:
    def change(asked: Asked, rng: Random) -> Asked:
        others = tuple(pair for pair in asked.headers if pair[0] != name)
        return replace(asked, headers=(*others, (name, rng.choice(values))))

    return change


_HEADERS: tuple[Callable[[Asked, Random], Asked], ...] = (
    _header(
        b"content-type", b"text/plain", b"", b"application/xml", b"APPLICATION/JSON ; charset=\xff", b"\xff\xfe", b";"
    ),
    _header(b"content-length", b"-1", b"abc", b"", b"1", b"0", b"9" * 60, b"0x10", "٣".encode(), b"\xb2"),
    _header(b"content-encoding", b"gzip", b"identity", b"\xff", b"br, gzip"),
    _header(b"authorization", b"Bearer x", b"Basic \xff", b""),
    _header(b"host", b"", b"evil.example", b"\xff", b"[::1", b"a:b:c", b"x:99999"),
    _header(b"accept", b"text/html", b"\xff", b"*/*;q=x"),
    _header(b"cookie", b"\xff=1;;=", b"a=" + b"b" * 5_000),
    _header(b"range", b"bytes=0-1", b"bytes=\xff"),
    lambda asked, rng: replace(asked, headers=()),
    lambda asked, rng: replace(asked, headers=asked.headers * 2),
    lambda asked, rng: replace(
        asked, method=rng.choice(("GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "X"))
    ),
)
