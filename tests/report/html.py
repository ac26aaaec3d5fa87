"""Reading a page back: its tables as cells, its text, its tags.

What does not belong here: knowledge of what a page should say.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "path", "br", "hr", "img", "input"}


@dataclass
class ReadCell:
    text: str = ""
    value: str | None = None


@dataclass
class ReadPage(HTMLParser):
    """A parsed page; tables by their id, headings in order, and whatever is open when it ends."""

    tables: dict[str, list[list[ReadCell]]] = field(default_factory=dict)
    headings: list[tuple[int, str]] = field(default_factory=list)
    text: str = ""
    ids: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open_tags: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._rows: list[list[ReadCell]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag not in _VOID:
            self.open_tags.append(tag)
        if tag == "table":
            self._rows = self.tables.setdefault(str(found.get("id")), [])
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in {"th", "td"} and self._rows is not None:
            # A cell that spans columns stands for each of them, so that columns keep their number.
            self._rows[-1] += [ReadCell()] * int(found.get("colspan") or 1)
        elif tag == "data" and self._rows:
            self._rows[-1][-1].value = found["value"]
        elif tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append((int(tag[1]), ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if not self.open_tags or self.open_tags.pop() != tag:
            self.faults.append(tag)
        if tag == "table":
            self._rows = None

    def handle_data(self, data: str) -> None:
        if "style" in self.open_tags:
            return
        data = data.replace("\N{NO-BREAK SPACE}", " ")
        self.text += data
        if self._rows and {"th", "td"} & set(self.open_tags):
            self._rows[-1][-1].text += data
        elif self.open_tags and self.open_tags[-1] in {"h1", "h2", "h3", "h4"}:
            level, words = self.headings[-1]
            self.headings[-1] = (level, words + data)


def read_html(text: str) -> ReadPage:
    page = ReadPage()
    page.feed(text)
    page.close()
    return page
