"""`/docs`: the OpenAPI document as a page to read and to try out, from files of this machine alone."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

PAGE = "index.html"
_PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Churn scoring</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = b"""// the origin, because a browser fetches no address that carries a password
SwaggerUIBundle({url: location.origin + "/openapi.json", dom_id: "#page", tryItOutEnabled: true, validatorUrl: null});
"""
_TYPES = {".html": b"text/html; charset=utf-8", ".css": b"text/css", ".js": b"text/javascript"}
_OURS = {PAGE: _PAGE, "start.js": _START}
_THEIRS = frozenset({"swagger-ui.css", "swagger-ui-bundle.js"})
POLICY = (
    b"content-security-policy",
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'",
)


@cache
def docs_file(name: str) -> tuple[bytes, bytes] | None:
    """Return a file of the page and its media type, or None where the page has no such file."""
    if name not in _OURS and name not in _THEIRS:
        return None
    content = _OURS[name] if name in _OURS else (_static_files() / name).read_bytes()
    return content, _TYPES[Path(name).suffix]


def _static_files() -> Path:
    """Return the folder of Swagger UI's files, without importing the package that carries them."""
    spec = find_spec("swagger_ui")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package swagger-ui-py is missing: run `make setup`")
    return Path(spec.submodule_search_locations[0]) / "static"
