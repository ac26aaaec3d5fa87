"""The dictionary as a web page: whole, self-contained, and safe to open."""

from html.parser import HTMLParser

from registry_pipeline.contracts.docs import render_dictionary
from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.contracts.page import as_page
from registry_pipeline.settings import Settings


class Outline(HTMLParser):
    """Collects anchors, targets, titles and everything that would be loaded from elsewhere."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: set[str] = set()
        self.loaded: list[str] = []
        self.n_header_cells_without_scope = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids |= {given["id"] or ""} if "id" in given else set()
        self.targets |= {(given["href"] or "").removeprefix("#")} if tag == "a" else set()
        self.loaded += [tag] if "src" in given or tag in {"link", "script"} else []
        self.n_header_cells_without_scope += tag == "th" and "scope" not in given


def test_every_table_of_the_contracts_has_an_anchor_that_the_list_of_tables_leads_to() -> None:
    contracts = load_contracts(Settings())

    outline = Outline(as_page(render_dictionary(contracts)))

    assert outline.ids == set(contracts.tables)
    assert outline.targets == set(contracts.tables)


def test_the_page_loads_nothing_and_names_what_its_columns_are() -> None:
    outline = Outline(as_page(render_dictionary(load_contracts(Settings()))))

    assert outline.loaded == []
    assert outline.n_header_cells_without_scope == 0


def test_html_in_the_text_is_shown_and_not_run() -> None:
    page = as_page("# A title <b>\n\n<script>alert(1)</script>\n")

    assert "<script>" not in page
    assert "<title>A title &lt;b&gt;</title>" in page
