"""A report in TensorBoard; its event files are written anew with each report."""

from collections.abc import Mapping
from pathlib import Path

from experiments.tracking.event_writer import EventWriter


def new_writer(folder: Path) -> EventWriter:
    """The writer of a new event file in a folder, which is made; those of an earlier report are removed."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()
    return EventWriter(folder)


def write_report_events(folder: Path, images: Mapping[str, bytes]) -> None:
    """Show the report in a folder, `report.md`, and its figures (PNG, by name)."""
    with new_writer(folder) as writer:
        writer.text(0, "report", (folder / "report.md").read_text(encoding="utf-8"))
        for name, png in images.items():
            writer.image(0, f"figures/{name}", png)
