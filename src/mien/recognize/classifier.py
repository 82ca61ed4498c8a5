"""Crops -> probabilities, through ONNX Runtime: one network, or several averaged."""

import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.environment import MOST_THREADS, data_file, onnx_session
from mien.errors import ModelError, OptionError, check_count, counted
from mien.labels import EMOTIONS, FERPLUS_EMOTIONS
from mien.readings import Probabilities
from mien.recognize.crops import SIZE_PX, Crops
from mien.spec import HEADS, VOTES, ModelSpec

Votes: TypeAlias = NDArray[np.float32]
"""(F, 8) float32, the shares of FER+ votes expected for the eight expressions, in the order of
`mien.labels.FERPLUS_EMOTIONS`; each row sums to 1."""

DEFAULT_MODEL: Final = "mien"

KERAS_SUFFIXES: Final = (".h5", ".hdf5", ".keras")
"""How the names of Keras files end, by which Keras itself knows them."""

_MODELS: Final = Path(__file__).parents[1] / "assets" / "models"


def shipped_models() -> dict[str, Path]:
    """Name -> file of each model in the package."""
    return {path.stem: path for path in sorted(_MODELS.glob("*.onnx"))}


def shipped_weights() -> dict[str, Path]:
    """Name -> file of the weights in the package that training can begin with."""
    return {path.stem: path for path in sorted(_MODELS.glob("*.safetensors"))}


def model_path(model: str | Path) -> Path:
    """The file of a model given by its name in the package, or by its own path.

    Raises:
        ModelError: there is neither, or it is no ONNX file; the message names the models in the
            package, or says how to make an ONNX file of it.
    """
    shipped = shipped_models()
    if str(model) in shipped:
        return shipped[str(model)]
    if not shipped and str(model) == DEFAULT_MODEL:
        data_file(_MODELS / f"{DEFAULT_MODEL}.onnx")
    path = model_file(model)
    if path.suffix.lower() in KERAS_SUFFIXES:
        raise ModelError(
            f"{path}: expected an ONNX model; this is Keras's. `mien convert {path} --out "
            f"{path.stem}.onnx` makes one of it, once"
        )
    return path


def model_file(path: str | Path) -> Path:
    """A model's own file: ONNX, or Keras's, of which `mien convert` makes ONNX.

    Raises:
        ModelError: there is none, or it is of a kind that is not read; the message says which are,
            and how to come by one.
    """
    given, path = str(path), Path(path)
    if not _is_file(given):
        if folder := _folder_advice(path):
            raise ModelError(f"{path}: expected a model file; it is a folder{folder}")
        raise ModelError(
            f"expected a file or one of {', '.join(shipped_models()) or 'no shipped model'}; "
            f"there is no file {given!r}"
        )
    if advice := _ADVICE.get(path.suffix.lower()):
        raise ModelError(f"{path}: expected a model in .onnx, .h5, .hdf5 or .keras; {advice}")
    return path


_CONVERT: Final = "`mien convert theirs.onnx --labels ... --scaling ... --out ours.onnx`"
_OF_TORCH: Final = (
    "this is torch's, which does not say what network its weights belong to. Where it was trained, "
    f"torch.onnx.export writes an ONNX file, and {_CONVERT} takes that"
)
_ADVICE: Final = {
    **dict.fromkeys((".pth", ".pt", ".ckpt"), _OF_TORCH),
    ".bin": _OF_TORCH,
    ".tflite": "this is TensorFlow Lite's. `python -m tf2onnx.convert --tflite theirs.tflite "
    f"--output theirs.onnx` makes an ONNX file of it, and {_CONVERT} takes that",
    ".pb": "this is a graph of TensorFlow's. `python -m tf2onnx.convert --saved-model FOLDER "
    f"--output theirs.onnx` makes an ONNX file of its folder, and {_CONVERT} takes that",
    **dict.fromkeys(
        (".json", ".yaml", ".yml"),
        "this is a description without weights. In Keras, model_from_json, load_weights and "
        "model.save('theirs.h5') make a file of both",
    ),
    ".safetensors": "these are weights alone, for `mien train --pretrained`. `mien export` of the "
    "run that they are of writes the ONNX file",
    **dict.fromkeys(
        (".pkl", ".pickle", ".joblib"),
        "this is a pickle, which could run code and is not opened. Its own library may write ONNX",
    ),
}
"""How names of files end that hold models which are not read -> what they are, and what to do."""


def _folder_advice(path: Path) -> str:
    """What a folder is and what to do with it; empty of one that holds no model."""
    if _is_file(path / "saved_model.pb"):
        return (
            " of TensorFlow's. `python -m tf2onnx.convert --saved-model "
            f"{path} --output theirs.onnx` makes an ONNX file of it, and {_CONVERT} takes that"
        )
    if _is_file(path / "config.json") and _is_file(path / "model.weights.h5"):
        return (
            ", an unpacked file of Keras's. Packed again, its files in the root of a zip archive "
            "whose name ends in .keras, it is taken"
        )
    if _is_file(path / "best.pt"):
        return f", that of a training run. `mien export {path} --out model.onnx` writes its model"
    return ""


def model_paths(model: str | Path | Sequence[str | Path]) -> tuple[Path, ...]:
    """The files of one model, or of several that read together.

    Args:
        model: as `model_path` takes it; several as a sequence, or in a string with commas:
            "paper,mine.onnx". Where a file's own name has commas, that file is meant.
    Raises:
        ModelError: one of them is not there; the message names it.
        OptionError: there is none, one is given twice, or it is neither name nor path.
    """
    one = isinstance(model, str | bytes)
    given: Any = [model] if one or not isinstance(model, Iterable) else list(model)
    if not given:
        raise OptionError("expected a model, or several; got none")
    if wrong := [one for one in given if not isinstance(one, str | Path)]:
        raise OptionError(f"expected a name or a path; got {wrong[0]!r}", argument="model")
    names = [name for one in given for name in (_names(one) if isinstance(one, str) else [one])]
    paths = tuple(model_path(name) for name in names)
    # Twice the same would weigh double, where the weights are said to be equal.
    seen: set[str] = set()
    for name, path in zip(names, paths, strict=True):
        if (real := os.path.realpath(path)) in seen:
            raise OptionError(f"expected each model once; {str(name)!r} comes twice")
        seen.add(real)
    return paths


def _names(text: str) -> list[str]:
    parts = text.split(",")
    names = []
    while parts:
        # The longest run of parts that is a file: its name has commas of its own.
        ends = range(len(parts), 1, -1)
        end = next((end for end in ends if _is_file(",".join(parts[:end]))), 1)
        name = ",".join(parts[:end])
        names.append(name if _is_file(name) else name.strip())
        parts = parts[end:]
    return names


def _is_file(path: str | Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113  # Path.is_file raises where a name is too long


class Classifier:
    """Reads the emotion of framed faces, with one network or with the mean of several.

        Classifier()(crops)
        Classifier("mine.onnx,theirs.onnx")(crops)

    Threads may share it. It is pickled as what it was opened with, the model's name or path, and
    opened again where it is unpickled.

    Args:
        model: a name among `shipped_models()`, or the path of an ONNX file made by `mien export`,
            or by `mien convert` of what another tool has trained. Several, as a sequence or in a
            string with commas, are an ensemble: the mean of their probabilities, equally weighted
            (Hansen and Salamon 1990).
        threads: processor threads for one call; 0 takes every core. One is the steady choice where
            cores are shared, and reads a face in about a millisecond.
        head: what is asked: "people", what people would say that a face shows, or "label", what
            FER2013's label of it would be, one word of a web search. By default "people" of files
            that answer this, such as `mien` in the box, and "label" of others and of ensembles with
            one of these.

    Attributes:
        spec: what the file says of itself; of an ensemble, what its members say together.
        paths: the files, one for each member.
    Raises:
        ModelError: a file is missing, broken, not a classifier of faces, or wants its faces framed
            otherwise than the other members; the message names it.
        OptionError: `threads` is not 0 to 1024; a model is given twice; a file has not the `head`.
    """

    BATCH: Final = 64  # crops in one pass of a network: larger ones are no faster

    def __init__(
        self,
        model: str | Path | Sequence[str | Path] = DEFAULT_MODEL,
        *,
        threads: int = 1,
        head: str | None = None,
    ) -> None:
        check_count("threads", threads, 0, MOST_THREADS)
        if head not in (None, *HEADS):
            raise OptionError(f"expected {' or '.join(HEADS)}; got {head!r}", argument="head")
        self.paths = model_paths(model)
        self._reopen = partial(type(self), _portable(self.paths), threads=threads)
        self._members = tuple(_Member(path, threads) for path in self.paths)
        specs = [member.spec for member in self._members]
        for path, spec in zip(self.paths, specs, strict=True):
            if spec.crop_margin != specs[0].crop_margin:
                raise ModelError(
                    f"{path}: expected the crop margin of {self.paths[0]}, "
                    f"{specs[0].crop_margin:g}, to read the same crops; got {spec.crop_margin:g}"
                )
        self.spec = specs[0] if len(specs) == 1 else ModelSpec.of_members(specs)
        self.head = head or self.spec.heads[0]

    @property
    def head(self) -> str:
        """What is asked, of `spec.heads`; another can be set."""
        return self._head

    @head.setter
    def head(self, head: str) -> None:
        for member in self._members:
            if head not in (heads := member.spec.heads):
                raise OptionError(
                    f"expected {' or '.join(heads)}, which {member.path.name} has; got {head}",
                    argument="head",
                )
        self._head = head

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(self._reopen, head=self.head), ()

    @property
    def path(self) -> Path:
        """The file; of an ensemble, the first."""
        return self.paths[0]

    def __call__(self, crops: Crops) -> Probabilities:
        """Probabilities of the seven emotions for each crop, as `head` has them.

        Args:
            crops: (F, 48, 48) uint8, gray, as `mien.recognize.crops.crop_faces` cuts them.
        Returns:
            (F, 7) float32; row i belongs to crop i, and F = 0 gives an empty array.
        Raises:
            ModelError: the network cannot be run, or does not give what its file says.
            OptionError: `crops` has another shape or dtype.
        """
        return self._run(crops, (self.head,))[0]

    def votes(self, crops: Crops) -> Votes:
        """The shares of FER+ votes (arXiv:1608.01041) that taggers would give each crop.

        Args:
            crops: as for reading them.
        Returns:
            (F, 8) float32, in the order of `mien.labels.FERPLUS_EMOTIONS`; row i belongs to crop i.
        Raises:
            ModelError: a file has no such output; the message names it.
            OptionError: `crops` has another shape or dtype.
        """
        for member in self._members:
            if not member.spec.votes_labels:
                raise ModelError(
                    f"{member.path}: expected a model with the output 'votes', as "
                    "`mien export` writes it of networks that learned FER+ votes; it has none"
                )
        return self._run(crops, (VOTES,))[0]

    def read(self, crops: Crops) -> tuple[Probabilities, Votes | None]:
        """What `head` says of the seven emotions, and the votes, in one pass.

        Args:
            crops: as for reading them.
        Returns:
            (F, 7) probabilities and (F, 8) votes, float32; None in place of the votes where a file
            does not give them.
        Raises:
            OptionError: `crops` has another shape or dtype.
        """
        if not self.spec.votes_labels:
            return self(crops), None
        probabilities, votes = self._run(crops, (self.head, VOTES))
        return probabilities, votes

    def read_all(self, crops: Crops) -> dict[str, NDArray[np.float32]]:
        """All that the model gives, in one pass, whatever its `head`.

        Args:
            crops: as for reading them.
        Returns:
            Each of `spec.answers`: what heads say, (F, 7), and "votes", (F, 8) float32.
        Raises:
            OptionError: `crops` has another shape or dtype.
        """
        names = tuple(self.spec.answers)
        return dict(zip(names, self._run(crops, names), strict=True))

    def _run(self, crops: Crops, names: tuple[str, ...]) -> list[NDArray[np.float32]]:
        """What heads say, (F, 7) float32 each, and votes, (F, 8) float32."""
        if not isinstance(crops, np.ndarray) or crops.dtype != np.uint8:
            got = crops.dtype if isinstance(crops, np.ndarray) else type(crops).__name__
            raise OptionError(f"expected a uint8 array; got {got}", argument="crops")
        if crops.ndim != 3 or crops.shape[1:] != (SIZE_PX, SIZE_PX):
            raise OptionError(
                f"expected shape (F, {SIZE_PX}, {SIZE_PX}); got {crops.shape}", argument="crops"
            )
        answers = [np.empty((len(crops), _width(name)), np.float32) for name in names]
        for start in range(0, len(crops), self.BATCH):
            batch = np.ascontiguousarray(crops[start : start + self.BATCH])
            found = [member.run(batch, names) for member in self._members]
            for answer, rows in zip(answers, zip(*found, strict=True), strict=True):
                answer[start : start + self.BATCH] = rows[0] if len(rows) == 1 else np.mean(rows, 0)
        return answers


def _portable(paths: Sequence[Path]) -> list[str | Path]:
    """Models as another process opens them, in a folder or an installation of its own."""
    names = {path: name for name, path in shipped_models().items()}
    return [names.get(path, path.absolute()) for path in paths]


class _Member:
    """One network: an ONNX file, opened and checked."""

    def __init__(self, path: Path, threads: int) -> None:
        self.path = path
        try:
            self._session = onnx_session(str(path), threads=threads)
        except Exception as error:  # ONNX Runtime has a class for each kind, all without a base
            reason = first_line(error).rpartition("failed:")[2]  # before it, the name once more
            raise ModelError(f"{path}: expected an ONNX model; {reason}") from error
        try:
            metadata = self._session.get_modelmeta().custom_metadata_map
            inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
            names = [value.name for value in (*inputs, *outputs)]
            found = tuple([(v.type, v.shape[1:]) for v in values] for values in (inputs, outputs))
        except UnicodeDecodeError as error:
            raise ModelError(f"{path}: expected names and texts in UTF-8; {error}") from error
        self.spec = ModelSpec.from_metadata(metadata, source=str(path))
        self._check_contract(found)
        self._input, *outputs = names
        # Of a file that knows nothing of people, the first output is what it says of the label.
        self._outputs = dict(zip(self.spec.answers, outputs, strict=True))

    def run(self, crops: Crops, names: tuple[str, ...]) -> list[NDArray[np.float32]]:
        """(N, 48, 48) uint8 -> what heads say, (N, 7), and the votes, (N, 8) float32.

        Raises:
            ModelError: the network cannot be run, or does not give what its file says.
        """
        try:
            rows: list[NDArray[np.float32]] = self._session.run(
                [self._outputs[name] for name in names], {self._input: crops}
            )
        except Exception as error:  # as above
            raise ModelError(f"{self.path}: it cannot be run; {first_line(error)}") from error
        for row, name in zip(rows, names, strict=True):
            if row.shape != (expected := (len(crops), _width(name))):
                raise ModelError(
                    f"{self.path}: expected {expected} out for {counted(len(crops), 'face')}; "
                    f"got {row.shape}"
                )
            if not (finite := np.isfinite(row).all(axis=1)).all():
                raise ModelError(f"{self.path}: expected finite numbers out; got {row[~finite][0]}")
        return rows

    def _check_contract(self, found: tuple[list[Any], ...]) -> None:
        size, spec = SIZE_PX, self.spec
        widths = [_width(name) for name in spec.answers]
        expected = (
            [("tensor(uint8)", [size, size])],
            [("tensor(float)", [width]) for width in widths],
        )
        if found != expected or spec.labels != EMOTIONS:
            out = ", ".join(f"(N, {width})" for width in widths)
            raise ModelError(
                f"{self.path}: expected (N, {size}, {size}) uint8 in, {out} float out and the "
                f"labels {', '.join(EMOTIONS)}; got {found[0]} in, {found[1]} out and "
                f"{', '.join(spec.labels)}"
            )
        if spec.votes_labels not in ((), FERPLUS_EMOTIONS):
            raise ModelError(
                f"{self.path}: expected votes for {', '.join(FERPLUS_EMOTIONS)}; got "
                f"{', '.join(spec.votes_labels)}"
            )


def _width(name: str) -> int:
    return len(FERPLUS_EMOTIONS if name == VOTES else EMOTIONS)


def first_line(error: Exception) -> str:
    """What an error says first; those of native libraries go on for pages."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else repr(error)
