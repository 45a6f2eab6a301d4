"""How Sphinx makes the site of the pages that ``build.py`` laid out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import docstrings

project = "medsafetybench"
author = "the authors of medsafetybench"
root_doc = "index"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
# What a page points to outside docs/ has a page, and no place in the contents.
suppress_warnings = ["toc.not_included"]

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
maximum_signature_line_length = 80
add_module_names = False
highlight_language = "text"
# Two hyphens are an option here and no dash.
smartquotes = False

html_theme = "furo"
html_title = "medsafetybench"
html_static_path = [str(Path(__file__).with_name("site.css"))]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
# A summary of each result is fetched from its page, which a browser does not do from file://.
html_show_search_summary = False
html_theme_options = {"navigation_with_keys": False, "top_of_page_buttons": []}


def setup(app: Any) -> None:
    """Docstrings are written to be read as they stand; Sphinx is told what is code in them."""
    app.connect("autodoc-process-docstring", docstrings.as_sphinx_reads)
