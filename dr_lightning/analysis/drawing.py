"""Charts as SVG that takes the colours and the width of the page around it."""

import io
from collections.abc import Callable
from typing import Any

import altair as alt

WIDE, NARROW = 620, 270
"""Widths in pixels for a desktop and for a phone, without axes' labels."""
# Of the widths that the renderer reckons with.
_FONT = "Arial, Helvetica, 'Liberation Sans', sans-serif"
# The page sets `color`, for light and dark.
_INK = {"labelColor": "currentColor", "titleColor": "currentColor"}
_FAINT = {"gridColor": "currentColor", "gridOpacity": 0.12, "domainOpacity": 0.4}
_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        **_INK,
        **_FAINT,
        "domainColor": "currentColor",
        "tickColor": "currentColor",
        "tickOpacity": 0.4,
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "labelFlush": False,
    },
    "legend": {
        **_INK,
        "labelFontSize": 12,
        "symbolOpacity": 1,
        "offset": 8,
    },
    "title": {"color": "currentColor", "fontSize": 14, "offset": 8},
    "text": {"color": "currentColor", "fontSize": 12},
    "aria": False,
}


def svg(draw: Callable[[int], alt.LayerChart], width: int) -> str:
    """A chart as an SVG element without ids, so that many share a page.

    Args:
        draw: Gives the chart of a width.
        width: In pixels, `WIDE` or `NARROW`.
    """
    written = io.StringIO()
    with alt.data_transformers.enable("default", max_rows=None):
        chart = draw(width).configure(**_CONFIG)
        chart.save(written, format="svg")
    return written.getvalue()
