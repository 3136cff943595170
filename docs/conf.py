"""How the documentation is built: `make docs`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))
# Examples show what they print themselves; the log of MNE would drown it.
os.environ["MNE_LOGGING_LEVEL"] = "WARNING"

import figures
import pages

import mxne_rs

project = "mxne_rs"
author = "the mxne_rs developers"
copyright = author
version = release = mxne_rs.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
]
exclude_patterns = [
    "_ext",
    "_templates",
    "how_to",
    "start",
    "generated/start/index.rst",
    "generated/backreferences",
    "generated/extra",
    # Parts that other pages include.
    "generated/differences.md",
    "generated/faults.md",
    "generated/parameters.md",
]
templates_path = ["_templates"]
default_role = "py:obj"
nitpicky = False

# --- pages in Markdown ---------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# design.md is also read outside of these pages: its code has no language.
highlight_language = "python"

bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"
# A build needs no network unless it is asked for: without it, names of other packages have no link.
intersphinx_mapping = {
    "mne": ("https://mne.tools/stable/", None),
    "numpy": ("https://numpy.org/doc/stable/", None),
    "sklearn": ("https://scikit-learn.org/stable/", None),
} if os.environ.get("MXNE_RS_DOCS_ONLINE") else {}  # fmt: skip

# --- API -----------------------------------------------------------------------------------------

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
# All checks but those of another taste: extended summaries and "see also" everywhere (ES01, SA01);
# a type and the order where parameters are told together ("As for ...": PR03, PR04); bare types of
# what is returned (RT02); capitals and full stops of parameters that share a sentence (PR08, PR09).
numpydoc_validation_checks = {
    "all", "ES01", "SA01", "PR03", "PR04", "RT02", "PR08", "PR09",
}  # fmt: skip
# And a check where a docstring matches one of these:
numpydoc_validation_overrides = {
    # Data classes list their fields as attributes.
    "PR01": [
        r"Attributes\n",
        r"^A certificate of the full problem, recorded",
        # What is used inside the package.
        r"^Return the columns of the locations that a mask",
    ],
    # Properties, fields and short methods.
    "EX01": [r"^[^\n]*$", r"Attributes\n", r"\A(?!.*Parameters\n)"],
    "RT01": [r"^Return the columns of the locations that a mask"],
    # The name of the class says it.
    "RT03": [r"list of str", r"Localization"],
    # A context manager yields nothing.
    "YD01": [r"A context manager"],
}
pages.write(HERE / "generated")
figures.write(HERE / "generated" / "figures")

# --- examples ------------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": ["start", "how_to"],
    "gallery_dirs": ["generated/start", "generated/how_to"],
    "filename_pattern": r"/plot_",
    "within_subsection_order": "pages.example_order",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("mxne_rs",),
    "exclude_implicit_doc": {r"__version__"},
    "image_scrapers": ("pages.scrape_files", "matplotlib"),
    "reset_modules": ("pages.reset",),
    "capture_repr": ("_repr_html_", "__repr__"),
    "ignore_repr_types": r"matplotlib\.figure",
    "matplotlib_animations": False,
    "run_stale_examples": True,
    "abort_on_example_error": False,
    "write_computation_times": False,
    "min_reported_time": 10_000,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "thumbnail_size": (400, 250),
}

# --- look ----------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "mxne_rs"
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["style.css"]
# Reports that examples write.
html_extra_path = ["generated/extra"]
(HERE / "generated" / "extra").mkdir(parents=True, exist_ok=True)
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "mxne_rs"},
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
# Wide tables, and pages without siblings.
html_sidebars = {
    "index": [],
    "install": [],
    "faq": [],
    "compare": [],
    "parameters": [],
    "benchmarks": [],
    "generated/defaults": [],
    "generated/start/plot_start": [],
}
html_context = {"default_mode": "auto"}


def setup(app: Any) -> None:
    """Hand the hooks to Sphinx."""
    # After numpydoc.
    app.connect("autodoc-process-docstring", pages.plain_bars, priority=900)
    app.connect("autodoc-skip-member", pages.skip_foreign)
