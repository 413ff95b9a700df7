"""A report in TensorBoard; its event files are written anew with each report.

TensorBoard opens with no run selected, and looks empty, where it lists more than 40. So a study adds few runs to its
list: its report, and at most MOST lines. Four studies and ten trainings are then 38.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from experiments.tracking.event_writer import EventWriter

MOST = 6
"""The most runs that a study adds to TensorBoard's list beside its report."""
_PICTURE = re.compile(r"!\[[^\]]*\]\((\w+)\.png\)")
_SVG = re.compile(r" \(\[SVG\]\(\w+\.svg\)\)")


def new_writer(folder: Path) -> EventWriter:
    """The writer of a new event file in a folder, which is made; those of an earlier report are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_events(folder)
    return EventWriter(folder)


def remove_events(folder: Path, below: str = "") -> None:
    """Remove the event files of a folder, or of those in it that the pattern `below` names ("d16-*")."""
    for old in folder.glob(f"{below}/events.out.tfevents.*" if below else "events.out.tfevents.*"):
        old.unlink()


def write_report_events(
    folder: Path, images: Mapping[str, bytes], charts: Mapping[str, tuple[str, str, str]] | None = None
) -> None:
    """Show the report in a folder, `report.md`, its figures (PNG, by name), and `charts` as `EventWriter` has them."""
    text = (folder / "report.md").read_text(encoding="utf-8")
    text = _SVG.sub(
        "", _PICTURE.sub(r"Picture: `figures/\1`, in the dashboard Images.", text)
    )  # no file is served there
    with new_writer(folder) as writer:
        writer.text(0, "report", text)
        for name, png in images.items():
            writer.image(0, f"figures/{name}", png)
        if charts:
            writer.band_charts("Median and range of the seeds", charts)
