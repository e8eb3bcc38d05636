"""The shared style keeps methods apart and pyplot out."""

import matplotlib as mpl
import pytest

from benchmarks.plots import _canvas


def test_every_method_has_a_look_of_its_own():
    names = ["ERM", *(f"m{i}" for i in range(20))]
    styles = _canvas.method_styles(names)
    looks = {(style["color"], style["marker"]) for style in styles.values()}
    assert len(looks) == len(names)
    assert list(styles) == names


def test_colours_do_not_depend_on_erm_or_on_repetitions():
    alone = _canvas.method_styles(["mixup"])
    assert _canvas.method_styles(["ERM", "mixup", "mixup"])["mixup"] == alone["mixup"]


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 1)), (3, (1, 3)), (5, (2, 3))])
def test_panels_fill_rows_of_three(count, shape):
    figure, axes = _canvas.panels(count)
    assert len(axes) == len(figure.axes) == count
    spec = axes[-1].get_subplotspec().get_gridspec()
    assert (spec.nrows, spec.ncols) == shape


def settings():
    # Reading the backend's name would choose one.
    return {name: mpl.rcParams[name] for name in mpl.rcParams if name != "backend"}


def test_drawing_opens_no_window_and_changes_no_setting():
    before = settings()
    figure, (ax,) = _canvas.panels(1)
    _canvas.dress(ax, title="t", xlabel="x", ylabel="y")
    _canvas.method_legend(figure, _canvas.method_styles(["ERM"]))
    figure.draw_without_rendering()
    assert settings() == before
    assert figure.canvas.manager is None
