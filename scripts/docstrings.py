"""How the house's docstrings become the API reference: an extension of Griffe, named in mkdocs.yml.

Griffe reads Google's style with an empty line before each section; the house writes none. And the
fields of a dataclass are often told by a comment at the end of their line, or above it, which
Griffe leaves out; these become the section of attributes.
"""

import re
from itertools import takewhile
from typing import Any, Final

import griffe

_SECTION: Final = re.compile(r"(?<=[^\n])\n(?=(?:Args|Attributes|Returns|Yields|Raises):\n)")
_COMMENT: Final = re.compile(r"\s{2,}# (?P<text>(?!noqa|type:).+)$")
_ABOVE: Final = re.compile(r"    # (?P<text>.+)")


class HouseStyle(griffe.Extension):
    """Sections without an empty line before them, and fields told by comments."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Bring one docstring into the form that Griffe reads."""
        if obj.docstring is None:
            return
        text = with_sections_apart(obj.docstring.value)
        if isinstance(obj, griffe.Class) and "Attributes:\n" not in text:
            text += _told_by_comments(obj)
        obj.docstring.value = text


def with_sections_apart(docstring: str) -> str:
    """A docstring with an empty line before each of its sections."""
    return _SECTION.sub("\n\n", docstring)


def _told_by_comments(cls: griffe.Class) -> str:
    """A section of the fields of a class that a comment tells; empty if there is none."""
    rows = []
    for field in cls.members.values():
        if isinstance(field, griffe.Attribute) and field.annotation:
            before = reversed(cls.lines[: (field.lineno or 0) - (cls.lineno or 0)])
            above = takewhile(bool, map(_ABOVE.fullmatch, before))
            comments = [*reversed([*above]), _COMMENT.search(field.source)]
            if words := " ".join(comment["text"] for comment in comments if comment):
                rows.append(f"    {field.name}: {words}")
    return "\n".join(["\n\nAttributes:", *rows]) if rows else ""
