"""GET / and what its page is made of: the files of `console/`, these and no others, as they are in the package."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from serving.auth import needs

FOLDER = Path(__file__).with_name("console")

FILES = (
    "answer.js",
    "api.js",
    "compare.js",
    "console.css",
    "customer.js",
    "element.js",
    "experiment.js",
    "finder.js",
    "finders.js",
    "format.js",
    "history.js",
    "icon.svg",
    "index.html",
    "interval.js",
    "key.js",
    "main.js",
    "metrics.js",
    "moves.js",
    "panel.js",
    "plan.js",
    "ranked.js",
    "readout.js",
    "service.js",
    "titles.js",
    "try-events.js",
    "try-item.js",
    "verdicts.js",
    "what-if.js",
    "why.js",
)
"""Names of all that is served."""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Suffix → media type."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
"""What a browser may do for the page: run and style by these files, ask this service, and nothing else."""

router = APIRouter()
_METHODS = ["GET", "HEAD"]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as it is sent.

    Attributes:
        body: its bytes.
        kind: its media type.
        tag: changes with the bytes; quoted, as in an ETag.
    """

    body: bytes
    kind: str
    tag: str


@cache
def read(name: str) -> File:
    """One of FILES."""
    body = (FOLDER / name).read_bytes()
    return File(body=body, kind=TYPES[Path(name).suffix], tag=f'"{hashlib.sha256(body).hexdigest()[:32]}"')


@router.api_route("/", methods=_METHODS, include_in_schema=False, openapi_extra=needs("anyone"))
async def page(request: Request) -> Response:
    """The console."""
    return _sent(request, "index.html")


@router.api_route("/console/{name}", methods=_METHODS, include_in_schema=False, openapi_extra=needs("anyone"))
async def part(request: Request, name: str) -> Response:
    """What the page is made of."""
    if name not in FILES:
        raise HTTPException(404)
    return _sent(request, name)


def _sent(request: Request, name: str) -> Response:
    file = read(name)
    # a browser asks each time whether it has changed, so that page and service are of one version
    headers = {"content-security-policy": POLICY, "cache-control": "no-cache", "etag": file.tag}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if file.tag in known:
        return Response(status_code=304, headers=headers)
    return Response(file.body, headers=headers | {"content-type": file.kind})
