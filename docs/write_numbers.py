"""Write the measured numbers of README and docs, from the runs that they were measured with.

    python docs/write_numbers.py                        write the results in docs/measured into the documents
    python docs/write_numbers.py runs/numbers toy lab   take the results of these runs first, which lie in
                                                        runs/numbers or are made there
    python docs/write_numbers.py runs/numbers           the same for all runs: an hour or two

In a document, a number stands between marks that say where it comes from; a page that is displayed does not show them:

    <!--=scaling/arms.csv model.d_head=64 model.scale=none {ratio:.2g}-->56<!--/-->
    <!--=toy/summary.json {excess/trained/all:.4f}-->0.0017<!--/-->
    <!--=benchmark/benchmark.json {updates[sweep_to_lone][median]:.2f}-->.96<!--/-->
    <!--=toy/output.txt Attention in seven lines-->the paragraph that begins so (without words: the whole text)<!--/-->
    <!--=gradients/report.md The answer-->the section of the report with this heading<!--/-->

A table (CSV) needs conditions that leave one row of it; what stands in braces are columns, of JSON values and in
brackets what they hold, in the notation of `str.format`. A test fails where a document and the results differ.
"""

import argparse
import csv
import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

DOCS = Path(__file__).parent
MEASURED = DOCS / "measured"
DOCUMENTS = [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]
RUNS = {
    "toy": "train --config toy.yaml",
    "explain": "explain 'the cat sat on the mat' --short",
    "lab": "train --config lab.yaml",
    "fresh_seeds": "train --config lab.yaml --seed 60 --seeds 40",
    "independent": "train --config lab.yaml --train.sampling independent",
    "query": "train --config query.yaml",
    "query_position": "train --config query.yaml --model.query position",
    "query_content": "train --config query.yaml --model.query content",
    "query_constant": "train --config query.yaml --model.query constant",
    "two_stories": "train --config two_stories.yaml --seeds 10",
    "two_stories_position": "train --config two_stories.yaml --seeds 10 --model.query position",
    "mirror": "ablate --config mirror.yaml",
    "hidden": "train --config lab.yaml --train.hide_attention 0.1",
    "gradients": "gradients --config gradients.yaml",
    "parts": "ablate --config parts.yaml",
    "scaling_quick": "ablate --config scaling_quick.yaml",
    "scaling": "ablate --config scaling.yaml",
    "scaling_full": "ablate --config scaling_full.yaml",
    "short": "ablate --config scaling.yaml --grid model.d_head=128 --grid model.scale=inverse_sqrt,inverse"
    " --train.steps 300",
    "papers": "papers",
    "benchmark": "benchmark",
}
"""The commands, each with the name of the folder of its results."""
_MARKED = re.compile(r"(<!--=(\S+) ?(.*?)-->)(.*?)(<!--/-->)", re.DOTALL)
_FIGURE = re.compile(r"^!\[.*\n\n\*.*\(\[SVG\].*\n\n?", re.MULTILINE)
_RESULTS = ("summary.json", "arms.csv", "verdicts.csv", "claims.csv", "benchmark.json")


def main(arguments: list[str]) -> None:
    """Take the results of the runs that are named, then write all documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where the runs lie, or are made")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(RUNS)}; all by default")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(RUNS):
        parser.error(f"{', '.join(sorted(unknown))}: no such run; known: {', '.join(RUNS)}")
    for name in options.names or RUNS if options.folder else ():
        take(name, options.folder / name)
    for path in DOCUMENTS:
        path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")


def rewritten(text: str) -> str:
    """A document with the numbers of `docs/measured`.

    Raises:
      LookupError: a mark names what is not there, or not one row of a table.
    """
    return _MARKED.sub(lambda found: f"{found[1]}{measured(found[2], found[3])}{found[5]}", text)


def measured(file: str, wanted: str) -> str:
    """What a mark asks for: `wanted` of a file in `docs/measured`."""
    text = (MEASURED / file).read_text(encoding="utf-8")
    if file.endswith(".txt"):
        shown = _one(file, wanted, re.split(r"\n{2,}", text.strip("\n"))) if wanted else text.strip("\n")
        return f"\n```\n{shown}\n```\n"
    if file.endswith(".md"):
        section = _one(file, wanted, text.split("\n## ")).removeprefix(wanted)
        return f"\n{section.strip()}\n"
    where, brace, form = wanted.partition("{")
    if file.endswith(".json"):
        return (brace + form).format(**json.loads(text))
    conditions = [word.split("=", 1) for word in shlex.split(where)]
    rows = [row for row in csv.DictReader(text.splitlines()) if all(row[name] == value for name, value in conditions)]
    if len(rows) != 1:
        raise LookupError(f"{file}: {len(rows)} rows have {where}")
    return (brace + form).format(**{name: _number(value) for name, value in rows[0].items()})


def _one(file: str, begin: str, parts: list[str]) -> str:
    """The one part that begins with these words."""
    found = [part for part in parts if part.startswith(begin)]
    if len(found) != 1:
        raise LookupError(f"{file}: {len(found)} parts begin with {begin}")
    return found[0]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def take(name: str, folder: Path) -> None:
    """Keep the results of a run, which is made first if its folder is missing.

    What a run prints has its name once the run has ended well, so that one that failed is not taken for a result.
    """
    printed = folder / "printed.txt"
    if not folder.exists():
        folder.mkdir(parents=True)
        part = printed.with_suffix(".part")
        with part.open("w", encoding="utf-8") as out:
            own = ["--run-dir", str(folder / "run")]
            place = {
                "benchmark": ["--json", str(folder / "benchmark.json")],
                "explain": ["--run", str(folder.parent / "toy" / "run")],
            }.get(name, own)
            command = [sys.executable, "-m", *shlex.split(f"experiments.{RUNS[name]}"), *place]
            subprocess.run(command, stdout=out, check=True, env={**os.environ, "COLUMNS": "80"})  # noqa: S603  # ours
        part.rename(printed)
    if not printed.is_file() or not printed.stat().st_size:
        sys.exit(f"{folder}: holds no finished run; remove it, and the run is made anew")
    to = MEASURED / name
    to.mkdir(parents=True, exist_ok=True)
    text = printed.read_text(encoding="utf-8").replace(str(folder / "run"), f"runs/{name}-001")
    text = text.replace(str(folder), "runs")
    (to / "output.txt").write_text(re.sub(r" +$", "", text, flags=re.MULTILINE), encoding="utf-8")
    for file in _RESULTS:
        for place in (folder / "run" / file, folder / file):
            if place.exists():
                shutil.copyfile(place, to / file)
    report = folder / "run" / "report.md"
    if report.exists():  # without its figures and their captions, which stay with the run
        text = _FIGURE.sub("", report.read_text(encoding="utf-8"))
        (to / "report.md").write_text(text, encoding="utf-8")
    summaries = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("run/seed-*/summary.json")]
    if summaries:
        _write_seeds(summaries, to / "seeds.csv")


def _write_seeds(summaries: list[dict[str, float]], path: Path) -> None:
    """A row for each number of the summaries: its median, lowest, highest value and mean over the seeds."""
    columns: dict[str, Callable[[list[float]], float]] = {
        "median": statistics.median,
        "lowest": min,
        "highest": max,
        "mean": statistics.fmean,
    }
    with path.open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(["name", *columns])
        for name, value in summaries[0].items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                values = [summary[name] for summary in summaries]
                table.writerow([name, *(f"{of(values):.7g}" for of in columns.values())])


if __name__ == "__main__":
    main(sys.argv[1:])
