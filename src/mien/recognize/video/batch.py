"""Many videos: finding them on the disk, and reading them without one stopping the rest."""

import glob
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from os.path import commonpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.errors import MienError, VideoError
from mien.output.files import is_part_name, part_name
from mien.recognize.images import SUFFIXES as IMAGE_SUFFIXES
from mien.recognize.sources import check_several
from mien.recognize.video.containers import is_address
from mien.recognize.video.files import VideoOptions, VideoOutcome, write_video
from mien.recognize.video.frames import ANIMATED, SUFFIXES, VideoInfo, camera_number
from mien.recognize.video.outputs import Outputs

if TYPE_CHECKING:
    from mien.recognize.recognizer import Recognizer


@dataclass(frozen=True)
class VideoFile:
    """A video to be read."""

    # a file, a series of images, or an address; see `mien.recognize.video.frames.VideoSource`
    source: str
    # how to call it below an output folder: its path within the folder that was searched, or its
    # name; of several with one name, its path within the folder that all of them are in
    relative: Path


def find_videos(
    paths: Iterable[str | Path], *, not_in: Iterable[Path] = (), copies: Path | None = None
) -> tuple[list[VideoFile], bool]:
    """The videos that paths, folders and patterns name, each once, in a steady order.

    Args:
        paths: files; folders, which are searched with all folders in them for names that end in
            one of `mien.recognize.video.frames.SUFFIXES`, images if they are animated; patterns
            such as `videos/*.mp4`; series of images; addresses.
        not_in: folders that are left out of a search, but of themselves: those of the outputs.
        copies: the folder of annotated copies, which is no folder to search.
    Returns:
        The videos, and whether there may be several: two paths, a folder or a pattern name several
        even where only one video is found.
    Raises:
        VideoError: a folder or a pattern yields no video, or copies would be among them.
        OptionError: `paths` is one path, not several.
    """
    check_several("paths", paths)
    apart = [folder.resolve() for folder in not_in]
    found: dict[str, VideoFile] = {}
    names = [str(path) for path in paths]
    many = len(names) > 1
    for given in names:
        try:
            is_folder = Path(given).is_dir()
            many = many or is_folder or _is_pattern(given)
            if is_folder and copies is not None and copies.resolve() == Path(given).resolve():
                raise VideoError(
                    f"{given}: expected another folder for the annotated copies than the one that "
                    "is searched: they would be taken for videos"
                )
            for file in _expand(given, apart):
                path = Path(file.source)
                found.setdefault(str(path.resolve()) if path.exists() else file.source, file)
        except OSError as error:  # a name too long, a folder that may not be listed
            raise VideoError(f"{given}: cannot be read; {error.strerror or error}") from error
    return _told_apart(list(found.values())), many


def _told_apart(videos: list[VideoFile]) -> list[VideoFile]:
    """The videos, those with one name called by the folders that they are in, too.

    A number would tell nobody which is which, nor --resume, once there are others.
    """
    of_name: dict[str, list[VideoFile]] = {}
    for video in videos:
        of_name.setdefault(str(video.relative).casefold(), []).append(video)
    result = []
    for video in videos:
        alike = of_name[str(video.relative).casefold()]
        folder, *folders = [Path(one.source).parent for one in (video, *alike)]
        if len(alike) > 1 and all(one.is_dir() for one in folders):  # which of addresses are none
            with suppress(ValueError):  # they are on several drives
                within = folder.resolve().relative_to(commonpath(map(Path.resolve, folders)))
                video = replace(video, relative=within / video.relative.name)
        result.append(video)
    return result


def _expand(given: str, apart: list[Path]) -> list[VideoFile]:
    path = Path(given)
    if not given:
        raise VideoError("expected a video, a folder or a pattern; got an empty name")
    if camera_number(given) is not None:
        raise VideoError(f"{given}: expected a video; it is a camera, see `mien webcam`")
    if path.is_dir():
        apart = [folder for folder in apart if not _is_within(path, folder)]
        videos = [
            VideoFile(str(video), video.relative_to(path))
            for video in sorted(path.rglob("*"))
            if video.suffix.lower() in SUFFIXES
            and not is_part_name(video.name)
            and video.is_file()
            and not _is_program_text(video)
            and not _is_still(video)
            and not any(_is_within(video, folder) for folder in apart)
        ]
        if not videos:
            raise VideoError(
                f"{path}: expected videos in this folder; it has no file that ends as they do "
                "(.mp4, .mov, .mkv, .avi, .webm, ...), and no animated image"
            )
        return videos
    if _is_pattern(given):
        # Path.glob refuses absolute patterns.
        matches = sorted(Path(p) for p in glob.glob(given, recursive=True))  # noqa: PTH207
        videos = [VideoFile(str(match), Path(match.name)) for match in matches if match.is_file()]
        if not videos:
            raise VideoError(f"no file matches {given}")
        return videos
    return [VideoFile(given, Path(re.sub(r"[%*?\[\]:]+", "_", path.name) or "stream"))]


def _is_within(path: Path, folder: Path) -> bool:
    """Whether a path is in a folder, which is resolved already."""
    return path.resolve().is_relative_to(folder)


def _is_program_text(video: Path) -> bool:
    """Whether a name of MPEG transport streams is one of TypeScript: code ends in `.ts`, too."""
    if video.suffix.lower() not in (".ts", ".mts"):
        return False
    with video.open("rb") as file:
        head = file.read(1024)
    return min(head, default=0) >= ord("\t")  # text has no lower bytes, and video has many


def _is_still(video: Path) -> bool:
    """Whether it has the name of an image, and is not animated: then it is no video."""
    if video.suffix.lower() not in ANIMATED:
        return False
    from PIL import Image as PILImage

    with suppress(Exception), PILImage.open(video) as image:  # what a damaged file may raise
        return not getattr(image, "is_animated", False)
    return True


def _is_pattern(given: str) -> bool:
    """Whether a name is a pattern of videos; one of images names a series, which is one video."""
    if is_address(given) or Path(given).suffix.lower() in IMAGE_SUFFIXES:
        return False
    return glob.has_magic(given) and not Path(given).exists()


@dataclass(frozen=True)
class VideoResult:
    """What came of one video among several."""

    video: VideoFile  # that was read
    outputs: Outputs  # that were asked for
    outcome: VideoOutcome | None = None  # None if it was left alone or could not be read
    error: MienError | None = None  # why it could not be read, or not to its end

    @property
    def is_good(self) -> bool:
        """Whether it was read to its end, now or earlier."""
        return self.error is None and not (self.outcome is not None and self.outcome.is_cut_short)

    def messages(self) -> list[str]:
        """What to tell of it, a sentence each."""
        if self.error is not None:
            parts = [str(p) for p in map(part_name, self.outputs.paths()) if p.exists()]
            left = f"; what was read before is in {', '.join(parts)}" if parts else ""
            return [f"{self.error}{left}"]
        source = self.video.source
        if self.outcome is None:
            return [f"{source}: left alone, its outputs are there"]
        info, said = self.outcome.info, []
        if (streams := info.image_streams) > 1:
            said.append(f"{source}: it has {streams} streams of images; the first of them was read")
        if self.outcome.is_cut_short:
            said.append(
                f"{source}: its images end at {self.outcome.end_s:.2f} s, where its header says "
                f"{info.duration_s:.2f} s; all that could be read is written"
            )
        return said

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        values: dict[str, Any] = {"video": self.video.source}
        if self.outcome is not None:
            info = self.outcome.info
            values |= {
                "size": [info.width, info.height],
                "frame_rate": info.frame_rate,
                "duration_s": info.duration_s,
                "start_s": info.start_s,
                "frames": self.outcome.frames,
                "end_s": self.outcome.end_s,
                "people": [person.to_dict() for person in self.outcome.people],
            }
        return values | {"error": None if self.error is None else str(self.error)}


def write_videos(
    recognizer: "Recognizer",
    videos: Sequence[VideoFile],
    sets: Sequence[Outputs],
    how: VideoOptions | None = None,
    *,
    resume: bool = False,
    progress: Callable[[VideoFile, VideoInfo, float], None] | None = None,
) -> Iterator[VideoResult]:
    """Read videos in order; one that cannot be read is reported, not raised.

    Args:
        recognizer: what reads them.
        videos: of `find_videos`.
        sets: the files to write of each.
        how: what is read of them, and how.
        resume: leave alone those whose outputs are all there.
        progress: called with the video, what it says of itself, and the time of each frame.
    Yields:
        One result for each video, in order.
    """
    for video, outputs in zip(videos, sets, strict=True):
        if resume and outputs.is_finished():
            yield VideoResult(video, outputs)
            continue
        show = None if progress is None else partial(progress, video)
        try:
            outcome = write_video(recognizer, video.source, outputs, how, progress=show)
            result = VideoResult(video, outputs, outcome)
        except MienError as error:
            result = VideoResult(video, outputs, error=error)
        yield result
