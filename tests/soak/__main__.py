"""``python -m tests.soak``: soaks the service and reports what was wrong."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from tests.soak.report import as_json, lines
from tests.soak.site import Shape
from tests.soak.soak import Plan, soak

#: Seconds of a soak, and before each of its disturbances: of the whole, and of the quick one, which does each once.
_WHOLE, _QUICK = (300.0, 7.0), (0.0, 3.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a soak.

    Args:
        arguments: the command line without the program; the process's own when left out.

    Returns:
        The exit code: 1 when anything was wrong.
    """
    options = _parser().parse_args(arguments)
    # Unwinding the stack is what stops the processes; for Ctrl-C Python does the same by itself.
    signal.signal(signal.SIGTERM, _leave)
    seconds, gap = _QUICK if options.quick else _WHOLE
    shape = Shape(options.instances, options.workers, redis=not options.no_redis, replica_set=options.replica_set)
    plan = Plan(shape, seconds if options.seconds is None else options.seconds, gap, options.seed)
    directory = Path(tempfile.mkdtemp(prefix="dealcache-soak-"))
    passed = False
    try:
        result = soak(directory, plan, lambda line: print(line, flush=True))
        print("\n".join(lines(result)))
        if options.json is not None:
            options.json.write_bytes(orjson.dumps(as_json(result), option=orjson.OPT_INDENT_2))
        passed = result.passed
    except KeyboardInterrupt:
        return 130
    finally:
        if passed:
            shutil.rmtree(directory)
        else:
            print(f"the logs are in {directory}", flush=True)
    return 0 if passed else 1


def _leave(_number: int, _frame: Any) -> None:
    sys.exit(143)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, help="how long everybody acts at least (300, quick: as short as can be)"
    )
    parser.add_argument("--quick", action="store_true", help="disturb everything once")
    parser.add_argument("--seed", type=int, default=1, help="decides who does what, as far as we decide it")
    parser.add_argument("--instances", type=int, default=2, help="instances of the service")
    parser.add_argument("--workers", type=int, default=2, help="workers of each instance")
    parser.add_argument("--no-redis", action="store_true", help="do without Redis")
    parser.add_argument("--replica-set", action="store_true", help="let mongod be a replica set of one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
