"""`mien events`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from mien.cli.row_options import DyadsOption, EventsOption, StatisticsOption
from mien.cli.shared import (
    FpsOption,
    JsonOption,
    OverwriteOption,
    UsableOnlyOption,
    print_json,
    print_table,
    say,
    say_unusable,
)

if TYPE_CHECKING:
    from mien.rows.events import EventSettings
    from mien.rows.statistics import DyadStatistics, EmotionStatistics


@dataclass(frozen=True)
class EventOptions:
    """When an expression begins and ends; None leaves a value as it is."""

    on: Annotated[float | None, "The probability that an expression must reach; 0.5."] = None
    off: Annotated[float | None, "That it must keep from onset to end; 0.35."] = None
    window_s: Annotated[
        float | None,
        Option("--window", help="Seconds of the running median; 0 smooths nothing; 0.5."),
    ] = None
    min_duration_s: Annotated[
        float | None, Option("--min-duration", help="Leave out shorter expressions; 0.25 seconds.")
    ] = None
    max_gap_s: Annotated[
        float | None, Option("--max-gap", help="Bridge up to so many seconds without the face; 0.")
    ] = None
    usable_only: UsableOnlyOption = False

    def settings(self) -> "EventSettings":
        """What the library takes."""
        from mien.rows.events import EventSettings

        given = {name: value for name, value in vars(self).items() if value is not None}
        return EventSettings(**given)


def events(
    rows: Annotated[
        Path, Argument(help="Rows of mien video, or of another tool: docs/coming-from.md.")
    ],
    *,
    out: EventsOption = None,
    statistics: StatisticsOption = None,
    dyads: DyadsOption = None,
    plot: Annotated[
        Path | None, "The timeline with the events: .png, .svg, or no ending for both."
    ] = None,
    follow: Annotated[
        float | None, "Seconds within which one expression follows another; 2."
    ] = None,
    options: EventOptions,
    fps: FpsOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find when each expression begins and ends, from the rows of a video, and count them.

    Example: mien events interview.csv --out events.csv --statistics stats.csv --dyads dyads.csv

    An expression is what a face shows, and no proof of what a person feels. Look at some of the
    events in the video before you count them.
    """
    from mien.output.figures import figure_files
    from mien.output.files import check_apart, check_free
    from mien.rows.events import EventFinder
    from mien.rows.people import merged
    from mien.rows.statistics import FOLLOW_S, EventTables, check_follow
    from mien.rows.table import RowFile
    from mien.rows.timeline import Timeline, plot_timeline
    from mien.rows.usable import UnusableTotals

    settings = options.settings()
    plots = [] if plot is None else figure_files(plot)
    written = [path for path in (out, statistics, dyads, *plots) if path is not None]
    check_apart(written)
    for path in written:
        check_free(path, overwrite=overwrite, read=[rows])
    follow_s = FOLLOW_S if follow is None else follow
    check_follow(follow_s)
    finder, unusable, timeline = EventFinder(settings), UnusableTotals(), Timeline()
    for block in merged(RowFile(rows, fps=fps, tell=say)):
        finder.add(block)
        if settings.usable_only:
            unusable.add(block)
        if plot is not None:
            for frame in block.by_frame():
                timeline.add(frame.time_s, frame.readings)
    if settings.usable_only:
        say_unusable(unusable)
    tables = EventTables.found_by(finder, follow_s=follow_s)
    tables.write(events=out, statistics=statistics, dyads=dyads)
    if plot is not None:
        plot_timeline(timeline, plot, title=rows.name, events=tables.events)
    if as_json:
        print_json(tables.to_dict())
        return
    _print_statistics(tables.statistics)
    if any(dyad.both_s for dyad in tables.dyads):
        print()
        _print_dyads(tables.dyads)


def _print_statistics(statistics: "list[EmotionStatistics]") -> None:
    rows = []
    for entry in statistics:
        if entry.count:
            after = max(entry.transitions, key=lambda emotion: entry.transitions[emotion])
            share = entry.transition_probabilities.get(after)
            rows.append(
                [
                    *(entry.name, entry.emotion, str(entry.count), f"{entry.total_s:.1f} s"),
                    *(f"{entry.share:.0%}", f"{entry.mean_s:.1f} s", f"{entry.rate_per_min:.1f}"),
                    "" if share is None else f"{after} ({share:.0%})",
                ]
            )
    header = ["person", "shows", "times", "in all", "share", "each", "a minute", "then mostly"]
    if rows:
        print_table(header, rows, left=(0, 1), fits=True)
    else:
        print("no expression was found")


def _print_dyads(dyads: "list[DyadStatistics]") -> None:
    rows = [
        [
            *(dyad.name_a, dyad.name_b, dyad.emotion),
            *(f"{dyad.share:.0%}", f"{dyad.expected_share:.0%}"),
            _follows(dyad.b_follows, dyad.a_onsets, dyad.b_lag_s),
            _follows(dyad.a_follows, dyad.b_onsets, dyad.a_lag_s),
        ]
        for dyad in dyads
        if dyad.both_s
    ]
    header = ["first", "second", "both show", "share", "chance"]
    print_table([*header, "second follows", "first follows"], rows, left=(0, 1, 2), fits=True)


def _follows(count: int, onsets: int, lag_s: float | None) -> str:
    return f"{count} of {onsets}" + ("" if lag_s is None else f", {lag_s:.1f} s")
