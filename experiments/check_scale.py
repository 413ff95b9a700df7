"""Name the factor that an attention function of yours really puts on q.k.

python -m experiments.check_scale my_model.attention:attend
python -m experiments.check_scale torch.nn.functional:scaled_dot_product_attention --d-head 128 --layout BNTH
"""

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout

from rich.console import Console

from data.errors import InputError
from experiments.commands.console import say_prose
from experiments.commands.options import parse
from experiments.commands.process import run_command
from experiments.commands.scale_options import load_function, scale_parser
from experiments.scale_check import CheckError, check_expected, effective_scale


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default those of the process); returns the exit code."""
    options, _ = parse(scale_parser(), arguments)
    expected = None if options.expect is None else _number_or_name(options.expect)
    if expected is not None:
        with _reporting("--expect"):
            check_expected(expected, options.d_model)
    attention = load_function(options.function)
    with _reporting(options.function), redirect_stdout(sys.stderr):  # what the function prints is no part of the answer
        report = effective_scale(
            attention,
            options.d_head,
            options.d_model,
            options.layout,
            heads=options.heads,
            key_heads=options.key_heads,
            tokens=options.tokens,
            batch=options.batch,
            framework=options.framework,
            dtype=options.dtype,
            device=options.device,
            signature=options.signature,
        )
    lines = report.verdict.split(" -> ")
    lines[1:] = [f"  -> {line}" for line in lines[1:]]
    if not math.isnan(report.scale):
        lines.append(
            f"factor {report.scale:.6g}, the same at all magnitudes within a relative error of {report.error:.1g}"
        )
    lines += report.remarks
    met = report.softmax if expected is None else report.applies(expected, _last_digit(options.expect))
    if expected is not None:
        lines.append(f"{'as' if met else 'NOT as'} expected: {options.expect}")
    console = Console(highlight=False)
    for line in lines:
        say_prose(console, line)
    return 0 if met else 1


def _number_or_name(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _last_digit(text: str) -> float:
    """Half a unit of the last digit of a number as it is written: 0.0005 for 0.125."""
    digits, _, exponent = text.lower().partition("e")
    try:
        return 0.5 * 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    except ValueError:
        return 0.0


@contextmanager
def _reporting(place: str) -> Iterator[None]:
    """Within it, errors of the check are errors of what was given at `place`."""
    try:
        yield
    except CheckError as error:
        raise InputError(f"{place}: {error}") from error


if __name__ == "__main__":
    run_command(main)
