"""Configuration of the Sphinx documentation (``make docs``)."""

import re
from importlib.metadata import version as installed_version
from pathlib import Path

ROOT = Path(__file__).parents[1]

project = "sk_mixup"
author = "sk_mixup developers"
copyright = "2026, sk_mixup developers"
release = version = installed_version("sk_mixup")

extensions = [
    "myst_parser",  # the results, which the benchmarks write in Markdown
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "gallery/**"]
default_role = "py:obj"
smartquotes = False  # messages are quoted, and looked for, as they are printed
myst_heading_anchors = 2  # as repositories' pages have them

html_theme = "pydata_sphinx_theme"
html_title = "sk_mixup"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "use_edit_page_button": False,
}
html_sidebars = {
    name: [] for name in ("index", "installation", "api", "development", "changelog")
}

autodoc_typehints = "none"  # the parameters' descriptions say it better
python_maximum_signature_line_length = 88

autosummary_generate = True
numpydoc_show_class_members = False  # the class template lists them
numpydoc_use_plots = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "backreferences_dir": None,
    "download_all_examples": False,
    "thumbnail_size": (600, 400),
    "remove_config_comments": True,
    "show_signature": False,
}


def skip_member(app, what, name, obj, skip, options):
    """Leave out what is inherited from scikit-learn, whose pages are not here."""
    function = getattr(obj, "fget", obj)  # a property does not know its module
    inherited = str(getattr(function, "__module__", "")).startswith("sklearn.")
    return True if inherited else None


def as_rst(comment):
    """Return a comment as a sentence, in which code stands between backticks."""
    plain = re.split("`+", comment[0].upper() + comment[1:])
    plain[::2] = [re.sub(r"([\\*|_])", r"\\\1", part) for part in plain[::2]]
    return "``".join(plain)


def write_departures(app):
    """Collect the NOTE[DIFF] comments of the code for the user guide."""
    tagged = re.compile(r"^ *# NOTE\[DIFF\]: (.*(?:\n *# .*)*)", re.MULTILINE)
    entries = []
    for folder in ("sk_mixup", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for comment in tagged.findall(path.read_text(encoding="utf-8")):
                text = as_rst(re.sub(r"\n *# ", " ", comment))
                entries.append(f"``{path.relative_to(ROOT)}``\n   {text}\n")
    target = Path(app.srcdir) / "generated" / "departures.inc"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(entries), encoding="utf-8")


def setup(app):
    """Connect the hooks."""
    app.connect("autodoc-skip-member", skip_member)
    app.connect("builder-inited", write_departures)
