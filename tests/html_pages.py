"""How tests look at a page of HTML."""

from collections import Counter
from html.parser import HTMLParser


class Page(HTMLParser):
    """Counts what a page has, and checks that what is opened is closed.

    Attributes:
        tags: how many of each.
        open: those that are not closed.
        sources: all that a browser would fetch, or a link leads to.
    """

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
