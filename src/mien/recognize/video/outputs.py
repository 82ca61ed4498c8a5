"""The files that are written of videos: their names, and whether they can be written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mien.errors import OutputError
from mien.output.figures import figure_files
from mien.output.files import check_apart, check_free, part_name, place_of, untaken
from mien.output.records import TABLE_SUFFIXES
from mien.rows.formats import Media, files_of, format_of

if TYPE_CHECKING:
    from mien.recognize.video.batch import VideoFile
    from mien.recognize.video.info import VideoInfo


@dataclass(frozen=True)
class Outputs:
    """Files to write of one video; None for what is not wanted."""

    video: Path | None = None  # the annotated copy, with the sound
    csv: Path | None = None  # rows, one for each face and frame
    jsonl: Path | None = None  # the same as lines of JSON
    parquet: Path | None = None  # the same as Parquet
    summary: Path | None = None  # one entry for each person, `.json` or `.csv`
    plot: Path | None = None  # the timeline, `.png` or `.svg`, or a stem for both
    report: Path | None = None  # a page of HTML
    events: Path | None = None  # onset, peak and end of each expression, `.csv` or `.json`
    statistics: Path | None = None  # how each person shows each emotion, likewise
    dyads: Path | None = None  # how each two people show them together, likewise
    # Name of a format of another tool, see `mien.rows.formats.FORMATS` -> its file.
    formats: Mapping[str, Path] = field(default_factory=dict)

    def paths(self) -> list[Path]:
        """Every file that will be written."""
        plots = [] if self.plot is None else figure_files(self.plot)
        named = [path for path in self.named() if path is not self.plot]
        return [*named, *plots, *self.format_paths()]

    def format_paths(self) -> list[Path]:
        """The files for other tools, whose names nobody gave: see `with_formats`."""
        return [path for name, file in self.formats.items() for path in files_of(name, file)]

    def named(self) -> list[Path]:
        """The names that are given, as they are given."""
        return list(self._by_kind().values())

    def _by_kind(self) -> dict[str, Path]:
        return {kind: path for kind in ENDINGS if (path := getattr(self, kind)) is not None}

    def with_formats(self, names: Sequence[str], stem: Path) -> "Outputs":
        """The same, and files of other tools' formats.

        They are beside the first of the other outputs and called like it: `out/rows.csv` and
        `out/rows.eaf`. Where there are no others, they are in the working folder.

        Args:
            names: of formats.
            stem: what they are called in the working folder, without an ending.
        Raises:
            OptionError: there is no such format.
        """
        if first := next(iter(self.named()), None):
            stem = first.with_suffix("") if first.suffix else first
        formats = {name: stem.with_name(stem.name + format_of(name).endings[0]) for name in names}
        return replace(self, formats=formats)

    @property
    def need_events(self) -> bool:
        """Whether one of them tells of events."""
        return any(getattr(self, kind) is not None for kind in _TABLES)

    def for_each(
        self, videos: "Sequence[VideoFile]", formats: Sequence[str] = ()
    ) -> "list[Outputs]":
        """The files of each of several videos, where each name is a folder for all of them.

        They are laid out as the videos were found: `talks/1.mov` becomes `OUT/talks/1.mp4`.
        Videos whose names differ in nothing but their endings keep them, `1.mov.csv`; a second one
        of the same name, from another folder, gets a number.

        Args:
            videos: of `mien.recognize.video.batch.find_videos`.
            formats: names of other tools' formats, see `with_formats`.
        Raises:
            OptionError: there is no such format.
            OutputError: what should be a folder is called like a file, or a file would be one of
                the videos, or of two: the events of `talk.mp4` and the rows of `talk.events.mp4`.
        """
        folders = self._by_kind()
        for kind, folder in folders.items():
            if folder.suffix.lower() in ENDINGS[kind] and not folder.is_dir():
                raise OutputError(
                    f"{option(kind)} {folder}: expected a folder, for one file of each video; "
                    f"it is called like a file"
                )
        # Rows and tables may share an ending.
        endings = {k: f".{k}{ENDINGS[k][0]}" if k in _TABLES else ENDINGS[k][0] for k in folders}
        sets = []
        for stem in _stems([video.relative for video in videos]):
            files: dict[str, Any] = {
                kind: folder / stem.with_name(stem.name + endings[kind])
                for kind, folder in folders.items()
            }
            sets.append(Outputs(**files).with_formats(formats, stem))
        _check_videos_apart(videos, sets)
        return sets

    def check(self, *read: str | Path | None, replaces: bool, from_rows: bool = False) -> None:
        """Refuse names that cannot be written, before the video is read.

        Args:
            read: what is read, which no output may replace.
            replaces: files that are there may be replaced.
            from_rows: rows are read, not a video, which takes no time: nothing can be resumed.
        Raises:
            OutputError: a name has the wrong ending, is a folder or the video itself, is asked for
                twice, or exists, finished or in part.
        """
        for kind, path in self._by_kind().items():
            endings, both = ENDINGS[kind], kind == "plot" and path.suffix == ""
            if path.suffix.lower() not in endings and not both:
                raise OutputError(
                    f"{option(kind)} {path}: expected a name that ends in {' or '.join(endings)}"
                )
        paths = self.paths()
        check_apart(paths)
        for path in paths:
            also = "" if from_rows else ", --resume reads only what is not finished"
            check_free(path, overwrite=replaces, read=[Path(one) for one in read if one], also=also)
            if not replaces and (part := part_name(path)).exists():
                raise OutputError(
                    f"{part}: a run that was cut off left it; --resume or --overwrite reads the "
                    "video anew"
                )

    def is_finished(self) -> bool:
        """Whether there is something to write, and all of it is there."""
        paths = self.paths()
        return bool(paths) and all(path.exists() for path in paths)

    def make_folders(self) -> None:
        """Make the folders that are missing; an `OutputError` says which cannot be made."""
        for path in self.paths():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(f"{path.parent}: cannot be made; {error.strerror}") from error


ENDINGS: Final = {
    "video": (".mp4", ".mov", ".m4v", ".mkv", ".webm"),
    "csv": (".csv",),
    "jsonl": (".jsonl",),
    "parquet": (".parquet",),
    "summary": (".json", ".csv"),
    "plot": (".png", ".svg"),
    "report": (".html", ".htm"),
    "events": TABLE_SUFFIXES,
    "statistics": TABLE_SUFFIXES,
    "dyads": TABLE_SUFFIXES,
}
"""The endings that each output may have; the first is that of a file in an output folder."""

_TABLES: Final = ("events", "statistics", "dyads")


def _stems(names: Sequence[Path]) -> list[Path]:
    """What the outputs of each video are called, without their endings; no two alike.

    A name depends on as few other videos as can be: where one more is found later, --resume must
    not take the outputs of one for those of another.
    """
    shared = Counter(str(name.with_suffix("")).casefold() for name in names)
    taken: set[str] = set()
    stems = []
    for name in names:
        stem = name.with_suffix("")
        stems.append(untaken(name if shared[str(stem).casefold()] > 1 else stem, taken))
    return stems


def _check_videos_apart(videos: "Sequence[VideoFile]", sets: Sequence[Outputs]) -> None:
    """Refuse names, also while they are written, of another video or of another one's output."""
    read = {place_of(Path(video.source)) for video in videos}
    owners: dict[str, VideoFile] = {}
    for video, outputs in zip(videos, sets, strict=True):
        for path in (one for name in outputs.paths() for one in (name, part_name(name))):
            if (place := place_of(path)) in read:
                raise OutputError(f"{path}: would replace what is read")
            other = owners.setdefault(place, video)
            if other is not video:
                raise OutputError(
                    f"{path}: expected outputs of their own for each video; {other.source} and "
                    f"{video.source} would both write it: call one of them otherwise"
                )


def media_of(info: "VideoInfo") -> Media:
    """What formats of other tools say of a video; one that is no file is not linked."""
    path = Path(info.source)
    return Media(
        path=path if path.is_file() else None,
        length_s=info.duration_s,
        width=info.width,
        height=info.height,
        frame_rate=info.frame_rate,
    )


def option(kind: str) -> str:
    """How an output is asked for on the command line."""
    return "--out" if kind == "video" else f"--{kind}"
