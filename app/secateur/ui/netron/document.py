"""Netron's start page, made fit to be shown here: told which model to load, and never too old to run.

Netron locks itself ("Please update") 180 days after the date in its page, so that date is set to now. Its consent
page would wait for a click behind which it asks a host on the internet; a cookie says that this was settled.
"""

import re
from datetime import UTC, datetime
from html import escape
from typing import Final

MODEL: Final = "/data/model.onnx"
"""Where the page finds the model, below its own address."""

CONSENT_COOKIE: Final = "consent=1; SameSite=Strict"
"""Netron looks for a cookie `consent` before it starts; the page sees it from the moment its document exists."""

POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self' blob:; frame-src 'none'; form-action 'none'"
)
"""Content-Security-Policy of everything served: also in a browser of the person's own, nothing leaves this machine."""

_DATE = re.compile(r'<meta name="date" content="[^"]*"\s*/?>')
_VERSION = re.compile(r'<meta name="version" content="[^"]*"\s*/?>')


def prepared(page: str, name: str, now: datetime | None = None) -> str:
    """Netron's index.html for a model called `name`; ValueError where it lacks what has to be changed."""
    date = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    page, dates = _DATE.subn(f'<meta name="date" content="{date}">', page)
    version = _VERSION.search(page)
    if dates != 1 or version is None:
        raise ValueError("this is not the page of Netron 9.3.3: its date or its version is missing")
    metas = [
        version.group(0),
        f'<meta name="file" content="{MODEL}">',
        f'<meta name="name" content="{escape(name, quote=True)}">',
        '<meta name="identifier" content="model.onnx">',
    ]
    return page[: version.start()] + "\n".join(metas) + page[version.end() :]
