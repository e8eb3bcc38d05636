"""The searches, cross_validate and together describe what they share alike."""

import inspect

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc

from sk_mixup.model_selection import GridSearchCV, cross_validate, together

OTHER_TEXTS = {
    ("cross_validate", "estimator"),  # no candidates
    ("together", "n_jobs"),  # takes the place of others
    ("together", "verbose"),  # prints no lines
}


def documented(item):
    doc = ClassDoc(item) if inspect.isclass(item) else FunctionDoc(item)
    return {each.name: (each.type, each.desc) for each in doc["Parameters"]}


@pytest.mark.parametrize("function", [cross_validate, together])
def test_shared_parameters_have_one_text_and_one_default(function):
    one, other = documented(GridSearchCV), documented(function)
    shared = one.keys() & other.keys()
    differing = {name for name in shared if one[name] != other[name]}
    assert differing == {n for f, n in OTHER_TEXTS if f == function.__name__}
    defaults = inspect.signature(GridSearchCV).parameters
    for name in shared:
        default = inspect.signature(function).parameters[name].default
        assert repr(default) == repr(defaults[name].default), name
