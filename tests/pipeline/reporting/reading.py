"""What a browser would make of the page, as far as tests ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "hr", "input"}
"""Elements without an end tag; those of SVG close themselves."""


@dataclass
class Element:
    """An element with its attributes, its own text and its children."""

    tag: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def find_all(self, tag: str) -> list[Element]:
        """All elements of a tag below this one, in the order of the document."""
        found: list[Element] = []
        for child in self.children:
            found += [child] if child.tag == tag else []
            found += child.find_all(tag)
        return found

    def by_id(self, name: str) -> Element:
        """The element of an id."""
        (found,) = [each for each in self.everything() if each.attributes.get("id") == name]
        return found

    def everything(self) -> list[Element]:
        """All elements below this one."""
        return [each for child in self.children for each in (child, *child.everything())]

    @property
    def text(self) -> str:
        """All text, its own and that of what is inside."""
        return " ".join(" ".join([*self.words, *(child.text for child in self.children)]).split())


class Reader(HTMLParser):
    """Builds the tree, and insists that every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]
        self.feed(page)
        self.close()
        assert self._open == [self.root], f"not closed: {self._open[-1].tag}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self._open[-1].words.append(data)


def read_page(page: bytes) -> Element:
    """Parse a page."""
    return Reader(page.decode()).root


def read_table(page: Element, name: str) -> list[list[str]]:
    """The cells of a table, row by row, headings included."""
    rows = page.by_id(f"{name}-table").find_all("tr")
    return [[cell.text for cell in row.children if cell.tag in ("th", "td")] for row in rows]
