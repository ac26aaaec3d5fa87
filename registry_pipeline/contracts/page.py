"""Markdown of ours as one web page that needs nothing else: it can be mailed, opened offline and printed."""

from importlib.resources import files
from itertools import pairwise

from jinja2 import Environment
from markdown_it import MarkdownIt
from markupsafe import Markup


def as_page(text: str) -> str:
    """Return a Markdown document as an HTML page: the first heading is its title, second-level ones are anchors."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    title = ""
    for heading, inline in pairwise(tokens):
        if heading.type == "heading_open" and heading.tag == "h1":
            title = inline.content
        elif heading.type == "heading_open" and heading.tag == "h2":
            heading.attrSet("id", inline.content)
        elif heading.type == "th_open":
            heading.attrSet("scope", "col")
    body = markdown.renderer.render(tokens, markdown.options, {})
    # Wide tables scroll by themselves, so that the page does not.
    body = body.replace("<table>", '<div class="wide" tabindex="0"><table>').replace("</table>", "</table></div>")
    template = files(__package__).joinpath("page.html.jinja").read_text(encoding="utf-8")
    return Environment(autoescape=True).from_string(template).render(title=title, body=Markup(body))  # noqa: S704 - rendered above, with HTML in the text escaped
