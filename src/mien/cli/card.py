"""`mien card`."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

from typer import Argument

from mien.cli.shared import DataOption, FindFacesOption, VotesOption, read_data, status
from mien.recognize.classifier import Classifier


def card(
    model: Annotated[str, Argument(help="A model in the package, or the path of a file.")],
    data: DataOption,
    out: Annotated[list[Path], "Markdown file to write; may be given several times."],
    votes: VotesOption = None,
    find_faces: FindFacesOption = False,
) -> None:
    """Measure a model and write its card.

    Example: mien card mine.onnx --data fer2013.csv --votes fer2013new.csv --out mine.md

    The card says what the model is, how good, how sure, and what it is not for.

    Val and test are read whole, and test a dozen times more with its faces corrupted: some
    minutes on one core. Ctrl-C leaves an earlier card as it was.
    """
    from mien.learn.reports.card_text import card_text
    from mien.learn.reports.cards import measure_card
    from mien.output.files import atomic_text, check_free

    for path in out:
        check_free(path, overwrite=True, read=[Path(model), data, votes])
    classifier = Classifier(model, threads=0)
    faces = read_data(data, votes=votes, find_faces=find_faces)
    with ExitStack() as stack:
        # Opened before all is measured, so that a place that cannot be written is said at once.
        files = [stack.enter_context(atomic_text(path)) for path in dict.fromkeys(out)]
        with status("measuring") as report:
            found = measure_card(classifier, faces, report=report)
        text = card_text(found)
        for file in files:
            file.write(text)
    for path in dict.fromkeys(out):
        print(path)
