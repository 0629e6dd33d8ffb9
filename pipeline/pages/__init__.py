"""What pages for the browser have in common: one look, one way of making them from templates, one policy."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import jinja2

Filter = Callable[[Any], str]


def open_template(package: str, name: str, filters: Mapping[str, Filter]) -> jinja2.Template:
    """A template among a package's files; all text that is put into it is escaped, and a name it lacks is an error.

    It may import from ``plot.html``, which draws a plot (``shapes.Plot``).
    """
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(lambda shared: read_asset(__name__, shared)),
    )
    environment.filters |= {"count": "{:,}".format, "share": "{:.1%}".format, "place": "{:.1f}".format, **filters}
    return environment.from_string(read_asset(package, name))


@functools.cache
def read_asset(package: str, name: str) -> str:
    """A style, a script or a template of our own, which a template may hold as it is (``| safe``)."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


def base_style() -> str:
    """Colours for light and dark, type and headings: the beginning of every page's style."""
    return read_asset(__name__, "base.css")


def report_style() -> str:
    """The same, and tables, plots and figures: the beginning of a report's style."""
    return "\n".join((base_style(), read_asset(__name__, "report.css")))


def finish(text: str) -> bytes:
    """A rendered page as it is written: UTF-8, one line feed at its end."""
    return f"{text.rstrip()}\n".encode()


def allow_only(style: str, script: str | None = None) -> str:
    """A Content-Security-Policy for a page that stands alone: this style, this script, pictures inside it, no more.

    Without a script, none runs.

    Style and script are named by their SHA-256, so that nothing that slips into the page can run. See "script-src" in
    W3C, Content Security Policy Level 3.
    """
    scripts = "" if script is None else f"script-src {_hash_source(script)}; "
    return (
        f"default-src 'none'; style-src {_hash_source(style)}; {scripts}img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash_source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
