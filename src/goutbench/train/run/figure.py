"""The loss curve of a run, as SVG."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goutbench.dataset.store import write_text

_AXIS = {
    "completion": "loss (nats per completion token)",
    "all": "loss (nats per token)",
    "dft": "loss weighted by probability (DFT)",
}


def curve_points(log: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The trainer's log as points: step, loss, and the rows that the loss is on."""
    points = []
    for entry in log:
        for key, rows in (("loss", "training"), ("eval_loss", "held out")):
            if key in entry:
                points.append({"step": entry["step"], "loss": entry[key], "rows": rows})
    return points


def write_curve(log: Sequence[dict[str, Any]], path: Path, title: str, *, kind: str = "completion") -> None:
    """Draw training and held-out loss by step.

    `kind` is the training loss: on "completion" or "all" tokens, or the "dft" loss. Held-out losses are
    always on completions. Raises StorageError.
    """
    import altair as alt
    import vl_convert as vlc

    points = curve_points(log)
    base = alt.Chart({"values": points}).encode(
        x=alt.X("step:Q", title="optimizer step"),
        y=alt.Y("loss:Q", title=_AXIS[kind], scale=alt.Scale(zero=False)),
        color=alt.Color("rows:N", title=None, scale=alt.Scale(range=["#c2410c", "#1d4ed8"])),
        strokeDash=alt.StrokeDash("rows:N", title=None),
    )
    chart = (base.mark_line() + base.mark_point(size=18, filled=True)).properties(
        width=560, height=300, title=title, background="white"
    )
    write_text(path, vlc.vegalite_to_svg(chart.to_json()))
