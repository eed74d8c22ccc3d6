"""The look of all figures: one palette, SVG that follows the colours of the page, PNG for papers."""

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

PALETTE = ("#3b6fb6", "#d1722a", "#3f8f5b", "#9a4f96", "#8a7033", "#5a6b7b")
"""Colours that colour-blind readers can distinguish."""

_PROPERTIES = frozenset(
    (
        "__proto__", "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable",
        "toLocaleString", "toString", "valueOf", "__defineGetter__", "__defineSetter__", "__lookupGetter__",
        "__lookupSetter__",
    )
)  # fmt: skip
"""Names that every object of JavaScript has, so that no key is missing. An invisible space follows them."""


def svg(chart: "alt.TopLevelMixin") -> str:
    """A chart as SVG that scales with the page, on its background and in the colour of its text."""
    import vl_convert

    text = str(vl_convert.vegalite_to_svg(_spec(chart.configure(background="transparent"))))
    text = re.sub(r'(fill|stroke)="(?:#000|black|#000000)"', r'\1="currentColor"', text)
    text = re.sub(r'(fill|stroke)="(?:#888|#ddd|#DDD)"', r'\1="currentColor"', text)
    return re.sub(r'(<svg[^>]*?) width="(\d+)" height="\d+"', r'\1 style="max-width:\2px"', text, count=1)


def png(chart: "alt.TopLevelMixin") -> bytes:
    """A chart as PNG on white, at twice its size in pixels."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(_spec(chart.configure(background="white")), scale=2))


def _spec(chart: "alt.TopLevelMixin") -> str:
    styled = chart.configure_view(stroke=None).configure_axis(gridOpacity=0.25, domainOpacity=0.4)
    return json.dumps(_printable(styled.to_dict()))


def _printable(value: Any) -> Any:
    """The specification without texts that Vega mistakes for code: it makes expressions and keys of them."""
    if isinstance(value, dict):
        return {key: _printable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_printable(part) for part in value]
    if not isinstance(value, str):
        return value
    text = "".join(char if char.isprintable() else "\ufffd" for char in value)
    return f"{text}\u200b" if text in _PROPERTIES else text
