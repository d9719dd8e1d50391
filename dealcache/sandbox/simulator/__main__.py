"""``python -m dealcache.sandbox.simulator``: serves a simulated HubSpot in the foreground until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import gc
import signal
import sys
import threading
import time
from collections.abc import Sequence

from dealcache.sandbox.simulator.demo import demo_data
from dealcache.sandbox.simulator.demo_builder import REFERENCE
from dealcache.sandbox.simulator.simulator import DEFAULT_LIMITS, DEFAULT_SECRET, DEFAULT_TOKEN, Simulator
from dealcache.sandbox.simulator.site import PORTAL_ID


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until a signal says stop.

    Args:
        arguments: the command line without the program; the process's own when left out.

    Returns:
        The exit code: 0 after a signal, 1 if the address cannot be had.
    """
    options = _parser().parse_args(arguments)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    data = demo_data(
        options.deals,
        options.seed,
        activities_per_deal=options.activities_per_deal,
        unassociated=options.unassociated,
        people=options.people or None,
        currencies=options.currencies == "several",
        seen_from=int(time.time() * 1000) if options.today else REFERENCE,
    )
    # What the account holds stays: the collector need not go through a million records again and again.
    gc.freeze()
    simulator = Simulator(
        data,
        token=options.token,
        limits=DEFAULT_LIMITS if options.limits == "on" else None,
        latency=options.latency_ms / 1000,
        index_lag=options.index_lag,
        host=options.host,
        port=options.port,
        portal_id=options.portal_id,
        clock=lambda: time.time() + options.clock_offset,
    )
    if options.webhook_url:
        simulator.webhooks.subscribe(options.webhook_url, options.webhook_secret)
    try:
        base_url = simulator.start()
    except OSError as error:
        sys.stderr.write(f"simulator cannot listen on {options.host}:{options.port}: {error}\n")
        return 1
    sys.stdout.write(f"simulator listening on {base_url}\n")
    sys.stdout.flush()
    stopped.wait()
    simulator.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dealcache.sandbox.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8901, help="port to listen on, 0 for a free one")
    parser.add_argument("--deals", type=int, default=200, help="how many demo deals")
    parser.add_argument("--seed", type=int, default=7, help="decides what the demo deals are like")
    parser.add_argument("--today", action="store_true", help="has the demo data end today, and not on a fixed day")
    parser.add_argument("--activities-per-deal", type=float, help="activities of a deal on average, none to hundreds")
    parser.add_argument("--unassociated", type=float, default=0.0, help="share of activities (0 to 1) on no deal")
    parser.add_argument("--people", action="store_true", help="contacts and companies in big demo accounts too")
    parser.add_argument("--currencies", choices=("none", "several"), default="none", help="those of the demo deals")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="how long each answer is held back")
    parser.add_argument("--limits", choices=("on", "off"), default="on", help="HubSpot's request limits")
    parser.add_argument("--token", default=DEFAULT_TOKEN, help="the bearer token that clients must send")
    parser.add_argument("--portal-id", type=int, default=PORTAL_ID, help="the account's id")
    parser.add_argument("--clock-offset", type=float, default=0.0, help="seconds that HubSpot's clock is ahead")
    parser.add_argument("--index-lag", type=float, default=0.0, help="seconds that search is behind")
    parser.add_argument("--webhook-url", help="where webhooks are told of changes")
    parser.add_argument("--webhook-secret", default=DEFAULT_SECRET, help="what webhooks are signed with")
    return parser


if __name__ == "__main__":
    sys.exit(main())
