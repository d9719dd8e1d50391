"""The announcement that ``make run`` prints when everything is up. It never contains a token or a password."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from dealcache.sandbox.embedded.addresses import address_of

_EXAMPLES = (
    "/api/hubspot/deal-timeline?dealName=Acme%20renewal",
    "/api/hubspot/v2/pipeline-summary",
    "/api/hubspot/cache-stats",
)


def without_credentials(uri: str) -> str:
    """A URI that may be shown: user and password are masked, options (which may hold secrets too) left out."""
    scheme, _, rest = uri.partition("://")
    credentials, at, place = rest.rpartition("@")
    return f"{scheme}://{'***@' if at and credentials else ''}{place.partition('?')[0]}"


def announcement(bind: str, hubspot: str, mongodb: str, environ: Mapping[str, str], notes: Sequence[str] = ()) -> str:
    """The lines that say what runs and what to try.

    Args:
        bind: where the service listens.
        hubspot: which HubSpot it asks, ready to be shown.
        mongodb: which MongoDB it uses, ready to be shown.
        environ: the service's environment.
        notes: what else there is to say, a line each.
    """
    lines = [f"dealcache serves on {bind}", f"  HubSpot: {hubspot}", f"  MongoDB: {mongodb}"]
    lines += [f"  {note}" for note in notes]
    address = address_of(bind)
    if address is not None:
        host, port = address
        base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        header = ' -H "Authorization: Bearer $API_TOKEN"' if environ.get("API_TOKEN", "").strip() else ""
        lines += ["  The API:", *(f"    curl{header} '{base}{path}'" for path in _EXAMPLES)]
        if environ.get("CONSOLE", "").strip().lower() != "off":
            lines.insert(0, f"Open {base}/console/ in a browser.")
    lines.append(f"  Commands: test -f .dealcache/environment && . .dealcache/environment; {_script()} sync")
    return "\n".join([*lines, "  Ctrl-C stops everything."])


def _script() -> str:
    """Return how a shell in the working directory calls the command ``dealcache`` of this installation."""
    script = Path(sys.executable).with_name("dealcache")
    below = script.is_relative_to(Path.cwd())
    return shlex.quote(str(script.relative_to(Path.cwd()) if below else script))


def hubspot_line(environ: Mapping[str, str], simulated: bool) -> str:
    """Return which HubSpot the service asks."""
    url = environ.get("HUBSPOT_BASE_URL", "").strip() or "https://api.hubapi.com"
    shown = f"{urlsplit(url).scheme}://{urlsplit(url).netloc.rpartition('@')[2]}"
    if simulated:
        return f"the simulator at {shown}, with demo data; set HUBSPOT_ACCESS_TOKEN to read from HubSpot"
    return shown
