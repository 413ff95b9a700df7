"""Name the factor that an attention function of yours really puts on q.k.

python -m experiments.check_scale my_model.attention:attend
python -m experiments.check_scale torch.nn.functional:scaled_dot_product_attention --d-head 128 --layout BNTH
"""

import argparse
import functools
import math
from collections.abc import Sequence

from data.errors import InputError
from experiments.commands.functions import load_function
from experiments.commands.options import OneLineParser, parse
from experiments.commands.process import run_command
from experiments.scale_check import FRAMEWORKS, LAYOUTS, CheckError, check_expected, effective_scale, scale_names

EPILOG = """\
examples:
  python -m experiments.check_scale my_model.attention:attend --d-head 128 --d-model 512
  python -m experiments.check_scale jax.nn:dot_product_attention --expect "1/sqrt(d_head)"
  python -m experiments.check_scale torch.nn.functional:scaled_dot_product_attention --layout BNTH

names of factors (what stands in brackets may be left out):
  NAMES

exit codes: 0 measured (and as expected), 1 not as expected, 2 a mistake in what was given""".replace(
    "NAMES", "\n  ".join(scale_names(1))
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default the process's); gives the exit code."""
    options, _ = parse(_parser(), arguments)
    expected = _expected(options.expect, options.d_model)
    attention = load_function(options.function)
    try:
        report = effective_scale(
            attention,
            options.d_head,
            options.d_model,
            options.layout,
            heads=options.heads,
            tokens=options.tokens,
            framework=options.framework,
        )
    except CheckError as error:
        raise InputError(f"{options.function}: {error}") from error
    lines = [report.verdict]
    if not math.isnan(report.scale):
        lines.append(f"factor {report.scale:.6g}, equal at all magnitudes but for {report.error:.1g} of it")
    met = expected is None or report.applies(expected)
    if expected is not None:
        lines.append(f"{'as' if met else 'NOT as'} expected: {options.expect}")
    print("\n".join(lines))  # noqa: T201
    return 0 if met else 1


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog="python -m experiments.check_scale",
        description="Measure the factor that an attention function puts on q.k, and name it.",
        epilog=EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = functools.partial(parser.add_argument, type=int, metavar="N")
    parser.add_argument(
        "function",
        metavar="MODULE:FUNCTION",
        help="a function of query, key and value, all of one shape, that gives an output of that shape (or a tuple "
        "that starts with it); its module is looked for in this folder too",
    )
    add("--d-head", default=64, help="components of a head's query (default: 64)")
    add("--d-model", help="components of the model, for the names with it (default: names without it)")
    add("--heads", help="heads (default: d_model / d_head where that is whole, else 2 or 3)")
    add("--tokens", help="queries, and keys (default: 8, or the next number that makes no name ambiguous)")
    parser.add_argument(
        "--layout",
        default="BTNH",
        choices=LAYOUTS,
        help="order of the axes batch, token, head N, component H; BTH has no heads (default: BTNH)",
    )
    parser.add_argument(
        "--framework",
        default="auto",
        choices=FRAMEWORKS,
        help="the arrays that the function gets; auto: the first that it takes, of those that its module imports "
        "(default: auto)",
    )
    parser.add_argument(
        "--expect", metavar="NAME", help="a name below, or a number: the exit code is 1 if it is not that factor"
    )
    return parser


def _expected(text: str | None, d_model: int | None) -> str | float | None:
    """What --expect says: a number where it is one, else a known name."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        check_expected(text, d_model)
    except CheckError as error:
        raise InputError(f"--expect: {error}") from error
    return text


if __name__ == "__main__":
    run_command(main)
