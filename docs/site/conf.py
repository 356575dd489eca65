"""The site of pages and notebooks: `cargo workbook docs`. Everything is shown as it is committed; no cell is run."""

import re
from pathlib import Path

project = "LangSmith Distributed Traces Patterns, in Rust"
author = "the contributors"
html_title = "Distributed traces, in Rust"
html_show_copyright = False
html_show_sphinx = False

extensions = ["myst_nb", "sphinx_external_toc"]
root_doc = "README"
external_toc_path = "docs/site/_toc.yml"
external_toc_exclude_missing = True
exclude_patterns = [".workbook", "target"]

# Outputs are committed, and `cargo workbook check` proves that they are what the cells say.
nb_execution_mode = "off"
# Nobody asks another machine for a program that draws formulas: there are none.
mathjax_path = "none.js"
myst_heading_anchors = 4
suppress_warnings = ["myst.header", "misc.highlighting_failure", "mystnb.unknown_mime_type"]

html_theme = "sphinx_book_theme"
html_theme_options = {
    "show_navbar_depth": 1,
    "navigation_with_keys": False,
    "home_page_in_toc": True,
    "navbar_persistent": [],
    "use_download_button": False,
    "use_fullscreen_button": False,
}
html_static_path = ["static"]
html_css_files = ["workbook.css"]
html_copy_source = False
html_show_sourcelink = False

# The compiler of doctests is told more than a reader wants to know: `rust,no_run`, and lines that it alone sees.
FENCE = re.compile(r"^(\s*)```rust[a-z_,]*\n(.*?)^\s*```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
HIDDEN = re.compile(r"^\s*#( .*)?\n", re.MULTILINE)


def readable(_app, docname, source):
    """Shows programs of Markdown pages as rustdoc shows them."""
    if "```rust" in source[0] and not source[0].startswith("{"):
        source[0] = FENCE.sub(lambda m: f"{m[1]}```rust\n{HIDDEN.sub('', m[2])}{m[1]}```", source[0])


def words_only(app, docname, source):
    """Shows links to folders, and to pages that are still to come, as words: a site has no place for them.

    That every other link leads somewhere is tested by `cargo test --test docs`.
    """
    if source[0].startswith("{"):
        return
    folder = Path(app.srcdir, docname).parent

    def shown(link):
        target = folder / link[2].split("#")[0]
        is_page = "://" in link[2] or link[2].startswith("#") or target.is_file()
        return link[0] if is_page else link[1]

    lines, in_code = source[0].split("\n"), False
    for at, line in enumerate(lines):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code:
            lines[at] = LINK.sub(shown, line)
    source[0] = "\n".join(lines)


def setup(app):
    app.connect("source-read", readable)
    app.connect("source-read", words_only)
