"""`mien baselines`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.commands.shared import (
    EXIT_INTERRUPTED,
    DataOption,
    FindFacesOption,
    JsonOption,
    absent_line,
    fail,
    print_table,
    read_data,
    say,
    status,
)

if TYPE_CHECKING:
    from typing import TextIO

    from mien.learn.baselines.pipelines import BaselineResult


def baselines(
    data: DataOption,
    split: Annotated[str, typer.Option("--split", help="val, test or val+test.")] = "val",
    find_faces: FindFacesOption = False,
    features: Annotated[
        str | None,
        typer.Option(
            "--features",
            help="With commas: raw, gabor, dct, pca, ica, lda, lbp, hog. All if not given.",
        ),
    ] = None,
    classifiers: Annotated[
        str | None,
        typer.Option(
            "--classifiers",
            help="With commas: svm-linear, svm-rbf, adaboost, mlp, src, knn. All if not given.",
        ),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", help="A network to set beside them; none for none.")
    ] = "paper",
    limit: Annotated[
        int | None,
        typer.Option("--limit", help="Fit on this many faces of train, each emotion by its share."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of all that is drawn by chance.")] = 0,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="CSV file to write: a row for each pipeline.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit the classical pipelines that the paper names.

    Example: mien baselines --data fer2013.csv --limit 5000

    A network is set beside them.

    Features: gray levels, Gabor filters, cosine transform, principal and independent components,
    linear discriminants, local binary patterns, oriented gradients. Classifiers: support vector
    machines, AdaBoost, a perceptron, sparse representation (src), nearest neighbours.
    Every feature is tried with every classifier; all are fitted on train alone. With 5,000 faces
    that takes some eight minutes on one core. Ctrl-C ends it with what is finished so far.
    """
    from contextlib import ExitStack

    from mien.classifier import Classifier
    from mien.learn.baselines.pipelines import compare, measure_majority, measure_network, pairs_of
    from mien.output.files import atomic_text

    pairs = pairs_of(_names(features), _names(classifiers))
    network = None if model == "none" else Classifier(model, threads=0, head="label")
    faces = read_data(data, find_faces=find_faces)
    steps = compare(faces, pairs, split=split, limit=limit, seed=seed)
    results: list[BaselineResult] = []
    interrupted = False
    with ExitStack() as stack:
        # Opened before all is fitted, so that a place that cannot be written is said at once.
        table = None if csv_file is None else stack.enter_context(atomic_text(csv_file))
        beside = [measure_majority(faces, split=split)]
        try:
            with status(f"fitting {' + '.join(pairs[0])}") as spinner:
                if network is not None:
                    beside.append(measure_network(network, faces.split(split)))
                for number, result in enumerate(steps, start=1):
                    results.append(result)
                    print(f"{number}/{len(pairs)} {_line(result)}", file=sys.stderr, flush=True)
                    if spinner is not None and number < len(pairs):
                        spinner.update(f"fitting {' + '.join(pairs[number])}")
        except KeyboardInterrupt:
            if not results:
                raise
            interrupted = True
        if table is not None:
            _write_csv([*results, *beside], table)
    if as_json:
        import json

        about = {"data": faces.name, "split": split, "limit": limit, "seed": seed}
        rows = [result.to_dict() for result in [*results, *beside]]
        print(json.dumps({**about, "results": rows}, indent=2))
    else:
        _print(results, beside, f"{faces.name} {split}")
    if interrupted:
        say(f"interrupted after {len(results)} of {len(pairs)} pipelines")
        raise typer.Exit(EXIT_INTERRUPTED)
    if failed := [result.name for result in results if result.error is not None]:
        fail(f"{len(failed)} of {len(pairs)} pipelines failed: {', '.join(failed)}")


def _names(given: str | None) -> list[str] | None:
    return None if given is None else [name.strip() for name in given.split(",")]


def _line(result: "BaselineResult") -> str:
    if result.evaluation is None:
        return f"{result.name}: failed; {result.error}"
    scores = result.evaluation
    note = f" ({result.note})" if result.note else ""
    return (
        f"{result.name}: accuracy {scores.accuracy:.3f}, macro F1 {scores.macro_f1:.3f}, "
        f"fitted in {result.fit_s:.1f} s, {result.predict_us:,.0f} µs a face{note}"
    )


def _write_csv(results: "list[BaselineResult]", file: "TextIO") -> None:
    import csv

    rows = [result.to_dict() for result in results]
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _print(results: "list[BaselineResult]", beside: "list[BaselineResult]", where: str) -> None:
    done = [result for result in results if result.evaluation is not None]
    floor, *networks = beside
    n = 0 if floor.evaluation is None else floor.evaluation.n
    fitted = max((result.train_count or 0 for result in done), default=0)
    print(f"fitted on up to {fitted:,} faces of train, read {n:,} faces of {where}")
    if floor.evaluation is not None and floor.evaluation.absent:
        print(absent_line(floor.evaluation.absent, where))
    print()
    for title, measure in (("accuracy", "accuracy"), ("macro F1", "macro_f1")):
        _print_grid(title, {(r.feature, r.classifier): r.to_dict()[measure] for r in results})
        print()
    rows = [_row(floor.note, floor)]
    best = max(done, key=_accuracy, default=None)
    if best is not None:
        rows.append(_row(f"best of {_count(done)}: {best.name}", best))
    rows += [_row(network.name, network) for network in networks]
    print_table(["", "accuracy", "macro F1", "µs a face"], rows, left=(0,))
    if best is not None:
        for network in networks:
            gain = 100 * (_accuracy(network) - _accuracy(best))
            print(f"\n{network.name} against the best pipeline: {gain:+.1f} points of accuracy")


def _print_grid(title: str, found: "dict[tuple[str, str], float | None]") -> None:
    """A row for each feature, a column for each classifier."""
    features = list(dict.fromkeys(feature for feature, _ in found))
    classifiers = list(dict.fromkeys(classifier for _, classifier in found))

    def cell(feature: str, classifier: str) -> str:
        if (feature, classifier) not in found:
            return "-"  # it was interrupted before
        value = found[feature, classifier]
        return "failed" if value is None else f"{value:.3f}"

    rows = [[feature, *(cell(feature, c) for c in classifiers)] for feature in features]
    print_table([title, *classifiers], rows, left=(0,))


def _count(pipelines: "list[BaselineResult]") -> str:
    return "1 pipeline" if len(pipelines) == 1 else f"{len(pipelines)} pipelines"


def _accuracy(result: "BaselineResult") -> float:
    return 0.0 if result.evaluation is None else result.evaluation.accuracy


def _row(name: str, result: "BaselineResult") -> list[str]:
    values = result.to_dict()
    speed = "" if result.predict_us is None else f"{result.predict_us:,.0f}"
    return [name, f"{values['accuracy']:.3f}", f"{values['macro_f1']:.3f}", speed]
