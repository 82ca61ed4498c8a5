"""OpenCV, so that nothing else of the process changes: `from mien.opencv import cv2`.

Its loader changes LD_LIBRARY_PATH, which the processes that this one starts would take over.
"""

import os
from typing import Any, Final

from mien.environment import environment
from mien.errors import MienError

_OPENCV: Final = "opencv-python-headless"


def of_opencv(name: str) -> Any:
    """A part of `cv2` by its name.

    Raises:
        MienError: it has none; the message says why that may be, and how to mend it.
    """
    try:
        return getattr(cv2, name)
    except AttributeError:
        raise MienError(_broken(f"cv2 has no {name}")) from None


def _broken(fault: str) -> str:
    """What is wrong with `cv2`, which package it comes from, and how to mend it.

    Several packages bring it, each in place of the others' files, and take it away as they go.

    Args:
        fault: what it lacks.
    """
    from importlib.metadata import packages_distributions, version

    names = sorted(set(packages_distributions().get("cv2", [])))
    others = [f"{name} {version(name)}" for name in names if name != _OPENCV]
    mend = [f"pip uninstall -y {' '.join(names)}"] if names else []
    mend.append(f"pip install --force-reinstall '{_OPENCV}>=4.10,<5'")
    return (
        f"expected OpenCV as {_OPENCV} 4.10 or later, before 5, brings it; {fault}. "
        f"{' and '.join(others) or 'Another package, such as opencv-python,'} has overwritten or "
        f"removed it. Mend it with: {', then: '.join(mend)}"
    )


try:
    with environment(LD_LIBRARY_PATH=os.environ.get("LD_LIBRARY_PATH", "")):
        import cv2
except ImportError as error:  # of a library that opencv-python needs, and servers do not have
    raise ImportError(_broken(str(error))) from error

__all__ = ["cv2", "of_opencv"]
