"""The process that mien runs in: its environment variables, its warnings."""

import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from mien.errors import MienError

MOST_THREADS: Final = 1024
"""Of one network: no machine has more cores for it, and the system cannot begin many more."""

_IMPORTING: Final = threading.Lock()  # of two threads, one would set back what the other set


def import_onnxruntime() -> ModuleType:
    """Import ONNX Runtime without its telemetry.

    Its official builds report processes to Microsoft (its pull request 27379); on import, 1.32 puts
    a number for the machine into ~/.cache/Microsoft. Faces are read without a network here. Whoever
    sets the variable, or imports ONNX Runtime before mien does, decides for themselves.
    """
    telemetry = os.environ.get("ORT_DISABLE_TELEMETRY", "1")
    with _IMPORTING, environment(ORT_DISABLE_TELEMETRY=telemetry):
        import onnxruntime
    module: ModuleType = onnxruntime
    return module


def onnx_session(source: str | bytes, *, threads: int = 1, one_shape: bool = True) -> Any:
    """A network of ONNX Runtime on the CPU; its complaints come as exceptions.

    Args:
        source: the file, or the bytes of one.
        threads: processor threads for one call; 0 takes every core.
        one_shape: what is asked has few shapes, for each of which a plan of its memory is kept.
    """
    ort = import_onnxruntime()
    if isinstance(source, str) and not _is_utf_8(source):  # which ONNX Runtime takes alone
        source = Path(source).read_bytes()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or cores()
    options.log_severity_level = 4
    options.enable_mem_pattern = one_shape
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _is_utf_8(name: str) -> bool:
    """Whether a name is UTF-8 on the disk: those of old disks are not, nor any in some locales."""
    try:
        return name.encode() == os.fsencode(name)
    except UnicodeEncodeError:
        return False


def data_file(path: Path, package: str = "mien") -> Path:
    """A file that a package brings with it, other than code.

    Raises:
        MienError: it is not there; the message says what may have left it behind.
    """
    if not path.is_file():
        raise MienError(
            f"{path}: expected a file that {package} brings with it; it is not there. What packs a "
            "program takes code alone until it is told otherwise: PyInstaller by --collect-data "
            f"{package}, Nuitka by --include-package-data={package}; nothing is read out of a zip "
            "archive"
        )
    return path


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Set environment variables for a while, and set them back."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def without_stderr() -> Iterator[int]:
    """Lose what C and C++ write to standard error for a while; gives where that went before."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield kept
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def end_with_parent(end: Callable[[], object] = lambda: os._exit(1)) -> None:
    """Have a process that `multiprocessing` begins end when it loses the one that began it."""
    from multiprocessing import parent_process

    def watch() -> None:
        while (parent := parent_process()) is None:  # until all has been unpickled
            time.sleep(0.01)
        parent.join()
        end()

    threading.Thread(target=watch, daemon=True).start()


class WithoutWarnings:
    """A block in which warnings of some kinds are not shown; threads may run it at once.

    `warnings.catch_warnings` alone puts back what it found: a thread that begins inside another's
    block finds that one's filters, and puts them back for good.

    Args:
        kinds: of warnings.
    """

    def __init__(self, *kinds: type[Warning]) -> None:
        self._kinds = kinds
        self._lock = threading.Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                for kind in self._kinds:
                    warnings.simplefilter("ignore", kind)

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._caught.__exit__(None, None, None)
