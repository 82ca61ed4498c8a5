"""Runs the targets side by side and prints what came of them; see `fuzz` for how to call it."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from fuzz.watch import Summary, fuzz
from fuzz.worker import start
from mien.commands.shared import EXIT_INTERRUPTED, print_table

FOUND: Final = Path(__file__).resolve().parent / "found"
EXIT_FOUND: Final = 1

_HEADER: Final = ["target", "inputs", "seconds", "read", "refused", "outcomes", "slowest", "memory"]


def row_of(summary: Summary) -> list[str]:
    """A target's row of the table."""
    share = summary.kinds.get("read", 0) / max(summary.inputs, 1)
    return [
        summary.name,
        f"{summary.inputs:,}",
        f"{summary.seconds:.0f}",
        f"{share:.0%}",
        f"{summary.kinds.get('refused', 0):,}",
        f"{len(summary.outcomes):,}",
        f"{summary.slowest_s:.1f} s",
        f"{summary.peak_bytes / 1e6:,.0f} MB",
        f"{len(summary.findings)}",
    ]


def replay(path: Path) -> int:
    """Read one input that was kept, in this process, and show what it does."""
    name, _, rest = path.name.partition("-")
    file = rest.split("-", 2)[2]
    with tempfile.TemporaryDirectory() as folder:
        worker = start(name, 0, 0, Path(folder), -1)
        outcome = worker.replay(path.resolve(), file)
    print(outcome.detail or f"{outcome.kind}: {outcome.what}")
    print(f"{outcome.kind}, {outcome.cpu_s:.2f} s of processor time, ", end="")
    print(f"{outcome.peak_bytes / 1e6:,.0f} MB")
    return EXIT_FOUND if outcome.is_finding else 0


def main() -> int:
    """Fuzz, and say how it went: status 1 if a reader did what it must not."""
    from fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--inputs", type=int, default=10_000, help="for each target")
    parser.add_argument("--seed", type=int, help="of what is drawn; by default another each time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at a time")
    parser.add_argument("--found", type=Path, default=FOUND, help="folder for what fails")
    parser.add_argument("--replay", type=Path, help="read one input that was found, and no more")
    options = parser.parse_args()
    if options.replay is not None:
        return replay(options.replay)
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"expected targets among {', '.join(TARGETS)}; got {sorted(unknown)[0]}")
    seed = time.time_ns() % 1_000_000 if options.seed is None else options.seed
    names = options.targets or list(TARGETS)
    print(f"seed {seed}; {options.inputs:,} inputs for each of {', '.join(names)}", flush=True)
    work = Path(tempfile.mkdtemp(prefix="mien-fuzz-"))
    shown: dict[str, float] = {}
    summaries: dict[str, Summary] = {}

    def show(summary: Summary) -> None:
        summaries[summary.name] = summary
        if time.monotonic() - shown.get(summary.name, time.monotonic() - 1e9) > 60.0:
            shown[summary.name] = time.monotonic()
            print(f"  {summary.name}: {summary.inputs:,}", file=sys.stderr, flush=True)

    def one(name: str) -> Summary:
        return fuzz(
            name, inputs=options.inputs, seed=seed, work=work / name, found=options.found, show=show
        )

    pool = ThreadPoolExecutor(max(1, options.jobs))
    interrupted = False
    try:
        for _ in pool.map(one, names):
            pass
    except KeyboardInterrupt:
        interrupted = True
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        shutil.rmtree(work, ignore_errors=True)
    done = [summaries[name] for name in names if name in summaries]
    print_table([*_HEADER, "findings"], [row_of(summary) for summary in done], left=(0,))
    for summary in done:
        for what, path in summary.findings.items():
            print(f"{summary.name}: {what}\n  {path}")
    if interrupted:
        sys.stdout.flush()
        os._exit(EXIT_INTERRUPTED)  # the threads still wait for their workers
    return EXIT_FOUND if any(summary.findings for summary in done) else 0


if __name__ == "__main__":
    sys.exit(main())
