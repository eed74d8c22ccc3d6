"""Charts in a page."""

import pytest

alt = pytest.importorskip("altair")
pytest.importorskip("vl_convert")

from goutbench.plotting import svg  # noqa: E402


def test_a_chart_has_no_background_so_that_its_text_is_readable_on_a_dark_page() -> None:
    points = alt.Chart(alt.Data(values=[{"x": 1, "y": 2}])).mark_point().encode(x="x:Q", y="y:Q")
    text = svg(points)
    assert 'fill="currentColor"' in text
    assert 'fill="white"' not in text
