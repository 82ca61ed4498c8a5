"""Fetching the data sets that may be fetched, when somebody asks for it; nothing else does."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from mien.errors import DataError, OptionError, OutputError, needs_extra
from mien.output.files import part_name, writing


@dataclass(frozen=True)
class Source:
    """Where Kaggle has a data set."""

    # Anyone may fetch a dataset; a competition asks for an account and for its rules' acceptance.
    kind: Literal["dataset", "competition"]
    handle: str  # its name there
    file: str | None  # the one to fetch, or None for all
    page: str  # where people get it by hand


_CHALLENGE: Final = "challenges-in-representation-learning-facial-expression-recognition-challenge"

SOURCES: Final = {
    "fer2013": Source(
        "dataset", "msambare/fer2013", None, "https://www.kaggle.com/datasets/msambare/fer2013"
    ),
    "fer2013-csv": Source(
        "competition",
        _CHALLENGE,
        "icml_face_data.csv",
        f"https://www.kaggle.com/c/{_CHALLENGE}/data",
    ),
}
"""What `download` knows: FER2013 as folders of images, and as a table with official splits."""

ON_REQUEST: Final = {
    "ck+": "http://www.jeffcohn.net/Resources/",
    "raf-db": "http://www.whdeng.cn/raf/model1.html",
    "affectnet": "http://mohammadmahoor.com/affectnet/",
    "multi-pie": "http://www.cs.cmu.edu/afs/cs/project/PIE/MultiPie/Multi-Pie/Home.html",
}
"""Where to ask for the sets that are handed out to those who sign an agreement."""


def download(name: str, out: Path) -> Path:
    """Fetch a data set from Kaggle through `kagglehub`.

    Args:
        name: one of `SOURCES`.
        out: a folder that is not there yet, or is empty; it appears when all is there.
    Returns:
        `out`, for `mien.learn.data.datasets.load_faces`.
    Raises:
        OptionError: the name is not known, or of a set that is handed out on request only; the
            message says where.
        MissingExtraError: kagglehub is not installed.
        DataError: Kaggle did not give it; the message says how to get it by hand.
        OutputError: `out` is there already, or cannot be written.
    """
    key = name.strip().lower()
    if key in ON_REQUEST:
        raise OptionError(
            f"{name} is handed out to those who sign its agreement: ask for it at "
            f"{ON_REQUEST[key]}, then give its folder to mien as it is"
        )
    if key not in SOURCES:
        raise OptionError(
            f"expected a data set among {', '.join((*SOURCES, *ON_REQUEST))}; got {name!r}"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out}: expected a new or an empty folder; it is there already")
    source = SOURCES[key]
    fetched = _fetch(source, out)
    partial = part_name(out)
    try:
        with writing(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(partial, ignore_errors=True)
            if fetched.is_dir():
                shutil.copytree(fetched, partial)
            else:
                partial.mkdir()
                shutil.copy(fetched, partial)
            if out.exists():
                out.rmdir()
            partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out


def _fetch(source: Source, out: Path) -> Path:
    """Where kagglehub keeps what it fetched: a folder, or the one file."""
    with needs_extra("train", "downloading"):
        import kagglehub
    try:
        fetch = getattr(kagglehub, f"{source.kind}_download")
        return Path(fetch(source.handle, path=source.file))
    # No network, no credentials, rules not accepted, a broken archive: from four libraries whose
    # errors have nothing in common.
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(
            f"Kaggle did not give {source.handle} ({reason}). By hand: sign in at {source.page}, "
            f"accept the rules if there are any, download"
            f"{f' {source.file}' if source.file else ''}, and unpack it into {out}"
        ) from error
