"""Configuration of the Sphinx documentation (``make docs``)."""

from importlib.metadata import version as installed_version

project = "sk_mixup"
author = "sk_mixup developers"
copyright = "2026, sk_mixup developers"
release = version = installed_version("sk_mixup")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "gallery/**"]
default_role = "py:obj"

html_theme = "pydata_sphinx_theme"
html_title = "sk_mixup"
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "use_edit_page_button": False,
}
html_sidebars = {"installation": [], "api": [], "development": []}

autodoc_typehints = "none"  # the parameters' descriptions say it better
python_maximum_signature_line_length = 88

autosummary_generate = True
autosummary_ignore_module_all = False  # __all__ is what is public
autosummary_imported_members = True  # and it lists names from private files
numpydoc_show_class_members = False  # the class template lists them
numpydoc_use_plots = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "backreferences_dir": None,
    "download_all_examples": False,
    "show_signature": False,
}


def skip_member(app, what, name, obj, skip, options):
    """Leave out what is inherited from scikit-learn, whose pages are not here."""
    function = getattr(obj, "fget", obj)  # a property does not know its module
    inherited = str(getattr(function, "__module__", "")).startswith("sklearn.")
    return True if inherited else None


def setup(app):
    """Connect the hooks."""
    app.connect("autodoc-skip-member", skip_member)
