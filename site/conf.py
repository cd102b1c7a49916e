"""Settings of Sphinx for the web site; `python -m tools.site` prepares what it reads.

Notebooks are shown with the outputs stored in them; nothing is run. No page asks another host for
anything, and all pages work when they are opened as files.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for tools.site

project = "NLP in Keras"
author = "The authors of the course"
extensions = ["myst_nb", "sphinx_copybutton", "tools.site"]
exclude_patterns = ["downloads"]

# Notebooks, as they are stored
nb_execution_mode = "off"
nb_merge_streams = True  # one block for all that a cell prints
nb_code_prompt_show, nb_code_prompt_hide = "Show the code", "Hide the code"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "attrs_inline", "deflist"]
myst_heading_anchors = 4
myst_heading_slug_func = "tools.site.make_anchor"  # a string: a function cannot be cached

# Look; every file of it is in the output
html_theme = "pydata_sphinx_theme"
html_static_path = ["_static", "../build/site-vendor"]
html_css_files = ["course.css"]
html_js_files = ["site.js"]
html_favicon = "_static/favicon.svg"  # without one, browsers ask for /favicon.ico: 404
html_title = project
html_sidebars = {name: [] for name in ("index", "cards", "results", "glossary", "broken_elsewhere")}
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "secondary_sidebar_items": ["page-toc"],
}
copyright = f"{author}. Code: MIT. Prose and figures: CC BY 4.0"
html_context = {"default_mode": "auto"}  # follow the reader's system; without it an error is logged
html_show_sourcelink = False
html_copy_source = False  # 3 MB of notebooks that nothing on the site reads
mathjax_path = "vendor/mathjax/tex-svg.js"  # one file, glyphs inside; Sphinx's default is a CDN
mathjax3_config = {"options": {"enableMenu": False, "enableEnrichment": False}}
copybutton_selector = "div.cell_input div.highlight pre"
