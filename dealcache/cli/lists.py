"""``lists``: looks after the lists of deals."""

from __future__ import annotations

import click

from dealcache.cli.support import EXIT_FAILED, container, named_failures

#: The most deals that a command names.
_MOST_NAMED = 20


@click.group("lists")
def lists_command() -> None:
    """Look after the lists of deals."""


@lists_command.command("check")
@click.option("--mend", is_flag=True, help="Count the activities of deals that are wrong again.")
def check_command(mend: bool) -> None:
    """Compare what lists show of all deals' activities with what counting them gives.

    Exit codes: 0 all are as counted, or are by now; 1 some are not; 2 wrong command line.
    """
    checked, wrong = 0, list[str]()
    with named_failures():
        for page in container().storage.summary_check.pages(mend=mend):
            checked += page.checked
            wrong += page.wrong
    click.echo(f"deals compared: {checked:,}")
    click.echo(f"not shown as counted: {len(wrong):,}{', counted again' if mend and wrong else ''}")
    more = [f"and {len(wrong) - _MOST_NAMED:,} more"] if len(wrong) > _MOST_NAMED else []
    for line in (*wrong[:_MOST_NAMED], *more):
        click.echo(f"  {line}")
    if wrong and not mend:
        raise SystemExit(EXIT_FAILED)
