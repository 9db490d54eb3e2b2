"""What Netron's page may load: its own server and nothing else. Netron reports to an analytics host by itself."""

from urllib.parse import urlsplit

LOCAL_SCHEMES = frozenset({"data", "blob"})
"""What a page makes of its own content: icons in its style sheet, the pictures that it exports."""


def is_allowed(url: str, own: str) -> bool:
    """Whether the page that is served at `own` (`http://127.0.0.1:PORT/…`) may ask for `url`."""
    try:
        asked, server = urlsplit(url), urlsplit(own)
    except ValueError:  # an address that is none is not ours
        return False
    if asked.scheme in LOCAL_SCHEMES:
        return True
    return asked.scheme == "http" and asked.netloc == server.netloc
