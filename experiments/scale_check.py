"""Which factor an attention function really puts on q.k: one file that needs NumPy alone, free to copy.

    assert_scale(my_attention, d_head=64)    # in a test: passes, or says what was found instead
    print(effective_scale(my_attention, d_head=64, d_model=512).verdict)

The function, (query, key, value) -> output, is a black box. One-hot values make its weights visible. Where two queries
a and b meet the same keys,

    log weight_a - log weight_b  =  factor * (q_a.k - q_b.k)  +  a constant for each row,

whatever is added to the scores at a position or for a key (ALiBi, relative positions, a mask): it is the same for both
and drops out. Where this holds at several magnitudes (a softcap looks linear at a single one) and the weights of each
row sum to 1, the function is a softmax of factor * q.k plus what is added.

Queries and keys are small whole numbers times powers of two. Their products and sums are exact in float32 and nearly
always in 16 bits, and another power of two changes no rounding: what changes with magnitude is the function's doing.

What it cannot see: a softcap above about 200 (50 in bfloat16, 30 in float16), a sink with less than 1 % of the weight.
Not for queries that share keys (GQA), nor for a rotation (RoPE) or projection inside. Dropout must be off.

Dimensions: P the two queries, T positions of queries, S of keys (as many), N heads, H d_head, B batch.
"""

import importlib
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
LAYOUTS = ("BTNH", "BNTH", "BTH")
FRAMEWORKS = ("auto", "numpy", "jax", "torch")

# bfloat16 rounds by up to 2**-9, and 1/sqrt(d) may be rounded twice: 2**-8. Twice that still counts as equal.
TOLERANCE = 2.0**-7
# What a line may leave (root mean square), relative to the differences it explains or, where they are small, to 1.
# Measured over 3,600 sound functions, scores and weights rounded: to 0.006 in bfloat16, 0.010 with a bias as large as
# ALiBi's, 0.016 with one twice as large, 0.003 in float16. Sigmoid and linear attention leave 0.5 and more.
RESIDUAL = 0.02
SEEN = 2.0**-14  # the smallest normal number of float16, which loses digits below; other formats do not before 1e-38
DRIFT = 2.0**-9  # of the factor between magnitudes, relative, beside 16 standard errors; float32 alone moves it by 1e-6
REACH = 0.5  # of log-weight differences in a row: what stays below, however large the queries, is no dot product
ENOUGH = 6  # differences of weights; a line fits fewer of them by chance
SIZES = (2.0**-30, 2.0**40)  # of queries, where the search starts and ends: finds factors from 1e-12 to 1e7


class CheckError(Exception):
    """The check could not be made: one line with what is wrong and how to mend it."""


def _require(condition: object, message: str) -> None:
    if not condition:
        raise CheckError(message)


class _RaisedError(CheckError):
    """The function under test raised."""


class _OtherError(Exception):
    """The function is no softmax of a scaled dot product, for the reason given."""


@dataclass(frozen=True)
class ScaleReport:
    """What was measured."""

    scale: float
    """The factor of q.k; nan where there is none."""
    names: tuple[str, ...]
    """All names in `scale_names` that match it; none if it is another number."""
    verdict: str
    """The result in a sentence."""
    error: float
    """The largest relative difference of the factor between magnitudes; nan without a factor."""
    softmax: bool
    """Whether weights are a softmax of scale * q.k and of what is added to it (a sink may take part of them)."""

    def applies(self, expected: str | float) -> bool:
        """Whether it is a softmax of q.k times `expected`: a name, or what stands before its bracket, or a number."""
        if isinstance(expected, str):
            return self.softmax and any(expected in (name, _short(name)) for name in self.names)
        return self.softmax and abs(self.scale - expected) <= TOLERANCE * abs(expected)


def scale_names(d_head: int, d_model: int | None = None, heads: int = 1, tokens: int = 1) -> dict[str, float]:
    """The value of each factor that has a name; nan where it needs a size that is not given."""
    model, head, head_count = d_model or math.nan, float(d_head), heads if heads > 1 else math.nan
    return {
        "none": 1.0,
        "1/sqrt(d_head)": head**-0.5,
        "1/d_head": 1 / head,
        "1/sqrt(d_head) applied twice": 1 / head,
        "1/d_head applied twice": head**-2,
        "sqrt(d_head) (multiplied instead of divided)": head**0.5,
        "d_head (multiplied instead of divided)": head,
        "1/d_head**0.25 (only one of query and key scaled)": head**-0.25,
        "ln(2)/sqrt(d_head) (2**x in place of exp(x))": math.log(2) * head**-0.5,
        "1/(ln(2) sqrt(d_head)) (prepared for 2**x, but exp(x) taken)": head**-0.5 / math.log(2),
        "1/sqrt(d_model)": model**-0.5,
        "1/d_model": 1 / model,
        "1/sqrt(d_model) applied twice": 1 / model,
        "sqrt(d_model) (multiplied instead of divided)": model**0.5,
        "1/sqrt(heads)": head_count**-0.5,
        "1/sqrt(tokens)": tokens**-0.5 if tokens > 1 else math.nan,
    }


def effective_scale(
    attention: Callable[..., Any],
    d_head: int,
    d_model: int | None = None,
    layout: str = "BTNH",
    *,
    heads: int | None = None,
    tokens: int | None = None,
    framework: str | Callable[[Array], Any] = "auto",
) -> ScaleReport:
    """Measure the factor that `attention` applies to q.k, in about 20 calls.

    Args:
      attention: (query, key, value), all of one shape, -> output of that shape, or a tuple that starts with it.
      d_head: components of a head's query.
      d_model: components of the model, for the names with it.
      layout: order of the axes: BTNH (batch, token, head, component), BNTH, or BTH for a function without heads.
      heads: how many; by default d_model / d_head where that is whole, else 2 or 3.
      tokens: how many queries, and keys; by default 8, or 10 or 14 where that would make a name ambiguous.
      framework: the arrays that it takes: numpy, jax, torch, a function that makes them of NumPy's float32 (for
        another type or device), or auto: the first of these that it takes, among those that are imported.

    Returns:
      The report, also of a function that is no softmax of a scaled dot product.

    Raises:
      CheckError: the function raises, or its output has another shape or is not finite; or an argument is invalid.
    """
    heads, tokens = _sizes(d_head, d_model, layout, heads, tokens)
    names = scale_names(d_head, d_model, heads, tokens)
    rng = np.random.default_rng(0)
    # Each vector of one of two sizes: what is normalised cannot pass for what is not.
    query_PTNH = rng.choice([-1.0, 1.0], (2, tokens, heads, d_head)) * rng.choice([1.0, 2.0], (2, tokens, heads, 1))
    key_SNH = rng.choice(np.arange(-2.0, 3.0), (tokens, heads, d_head)) * rng.choice([1.0, 2.0], (tokens, heads, 1))
    try:
        probe = _first_that_works(attention, framework, layout, query_PTNH, key_SNH)
        levels = _levels(probe)
        fits = _fits(levels)
        if not (all(fit.good for fit in fits) and abs(_drift(fits)) <= 1):
            raise _OtherError(_reason(probe, levels, names))
        _require(len(fits) >= 2, "larger queries and keys give no finite weights to show a softcap; try float32")
        return _report(levels, fits, names)
    except _OtherError as reason:
        return ScaleReport(math.nan, (), f"not a softmax of a scaled dot product: {reason}", math.nan, False)


def assert_scale(
    attention: Callable[..., Any], d_head: int, expected: str | float = "1/sqrt(d_head)", **options: Any
) -> None:
    """Assert, in a test, that `attention` is a softmax of q.k times `expected`.

    Args:
      attention: as for `effective_scale`, as are d_head and the options.
      d_head: components of a head's query.
      expected: a name in `scale_names` (without what stands in brackets, if you like) or a number.
      **options: d_model, layout, heads, tokens, framework.

    Raises:
      AssertionError: it is not; the message says what it is.
      CheckError: as `effective_scale`, or there is no such name.
    """
    check_expected(expected, options.get("d_model"))
    report = effective_scale(attention, d_head, **options)
    if not report.applies(expected):
        raise AssertionError(f"{report.verdict}; expected a softmax of q.k times {expected}")


def check_expected(expected: str | float, d_model: int | None) -> None:
    """Check a name.

    Raises:
      CheckError: there is no such name, or it needs d_model.
    """
    if isinstance(expected, str):
        names, short = [*scale_names(1)], [*map(_short, scale_names(1))]
        _require(
            expected in (*names, *short),
            f"no factor is called {expected!r}; a number, or one of: {', '.join(short)}",
        )
        _require("d_model" not in expected or d_model is not None, f"{expected} needs d_model; give it")


def _short(name: str) -> str:
    return name.partition(" (")[0]


def _matching(scale: float, names: dict[str, float]) -> tuple[str, ...]:
    return tuple(name for name, value in names.items() if abs(scale - value) <= TOLERANCE * value)


def _sizes(d_head: int, d_model: int | None, layout: str, heads: int | None, tokens: int | None) -> tuple[int, int]:
    """Heads and tokens: as given, else numbers whose names are those of no other factor."""
    _require(
        layout in LAYOUTS,
        f"layout must be {', '.join(LAYOUTS)}, not {layout!r}; move the axes in a function of your own",
    )
    sizes = {"d_head": (d_head, 1), "d_model": (d_model, 1), "heads": (heads, 1), "tokens": (tokens, 4)}
    for name, (size, least) in sizes.items():
        _require(
            size is None or (isinstance(size, int | np.integer) and size >= least),
            f"{name} must be a whole number of at least {least}, not {size!r}",
        )
    _require(layout != "BTH" or heads in (None, 1), f"layout BTH has no heads, so heads must be 1, not {heads}")

    def clear(number: int) -> bool:
        return not _matching(number**-0.5, scale_names(d_head, d_model))

    whole = d_model // d_head if d_model is not None and d_model % d_head == 0 else None
    heads = 1 if layout == "BTH" else heads or whole or next(filter(clear, (2, 3)), 2)
    return heads, tokens or next((n for n in (8, 10, 14) if clear(n) and n != heads), 8)


# ---- Calling the function


@dataclass(frozen=True)
class _Level:
    """Weights at one magnitude of queries and keys; nan where the output was not finite."""

    query_PTNH: Array
    key_SNH: Array
    weight_PNTS: Array

    @property
    def dot_PNTS(self) -> Array:
        return np.einsum("PTNH,SNH->PNTS", self.query_PTNH, self.key_SNH)

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.weight_PNTS).all())


@dataclass(frozen=True)
class _Probe:
    """The function under test, how it is called, and the queries and keys that it gets."""

    attention: Callable[..., Any]
    kind: str
    """The kind of arrays that it gets."""
    make: Callable[[Array], Any]
    """Makes them of NumPy's."""
    layout: str
    query_PTNH: Array
    key_SNH: Array

    def __call__(self, query_size: float, key_size: float = 1.0) -> _Level:
        """Its weights. Values have d_head components, so each item of the batch shows the weights of d_head keys."""
        query_PTNH, key_SNH = self.query_PTNH * query_size, self.key_SNH * key_size
        _, tokens, heads, d_head = query_PTNH.shape
        blocks = -(-tokens // d_head)
        shape = (2, blocks, tokens, heads, d_head)
        value_BSNH = np.zeros(shape[1:])
        keys = np.arange(tokens)
        value_BSNH[keys // d_head, keys, :, keys % d_head] = 1.0
        arrays = [
            _laid_out(np.broadcast_to(x, shape).reshape(2 * blocks, tokens, heads, d_head), self.layout)
            for x in (query_PTNH[:, None], key_SNH, value_BSNH)
        ]
        try:
            returned = self.attention(*map(self.make, arrays))
        except Exception as error:
            text = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            given = f"{self.kind} arrays of shape {arrays[0].shape}, {self.layout}"
            raise _RaisedError(f"the function raised {text} (given {given})") from error
        output = _to_numpy(returned[0] if isinstance(returned, tuple) and returned else returned)
        _require(
            output.shape == arrays[0].shape,
            f"the output must have the query's shape, {arrays[0].shape} in {self.layout}, "
            f"not {output.shape} ({type(returned).__name__})",
        )
        output_BTNH = output.swapaxes(1, 2) if self.layout == "BNTH" else output
        shown_PNTX = output_BTNH.reshape(shape).transpose(0, 3, 2, 1, 4).reshape(2, heads, tokens, blocks * d_head)
        weight_PNTS, size = shown_PNTX[..., :tokens], np.abs(shown_PNTX).max()
        if (np.abs(shown_PNTX[..., tokens:]) > TOLERANCE * size).any():
            raise _OtherError("the output has components that no value has (a projection or bias behind it?)")
        if (weight_PNTS < -TOLERANCE * size).any():
            raise _OtherError(f"there are weights below 0, such as {weight_PNTS.min():.3g}")
        return _Level(query_PTNH, key_SNH, weight_PNTS)


def _laid_out(x_BTNH: Array, layout: str) -> Array:
    x = {"BTNH": x_BTNH, "BNTH": x_BTNH.swapaxes(1, 2), "BTH": x_BTNH[:, :, 0]}[layout]
    return np.array(x, np.float32, order="C")


def _to_numpy(array: object) -> Array:
    if hasattr(array, "detach"):  # PyTorch: off the graph and the device, and NumPy knows no bfloat16
        array = array.detach().cpu().double().numpy()
    try:
        return np.asarray(array, np.float64)
    except (TypeError, ValueError) as error:
        kind = type(array).__name__
        raise CheckError(f"the output must be an array, or a tuple that starts with one, not {kind}") from error


def _makers(framework: str | Callable[[Array], Any]) -> Iterator[tuple[str, Callable[[Array], Any]]]:
    """The kinds of arrays to try, one after the other, and what makes them of NumPy's."""
    if callable(framework):
        yield "its", framework
        return
    _require(framework in FRAMEWORKS, f"framework must be {', '.join(FRAMEWORKS)} or a function, not {framework!r}")
    for name, module, maker in (
        ("numpy", "numpy", "array"),
        ("jax", "jax.numpy", "array"),
        ("torch", "torch", "tensor"),
    ):
        if framework == name or (framework == "auto" and name in sys.modules):
            try:
                yield name, getattr(importlib.import_module(module), maker)
            except ImportError as error:
                raise CheckError(f"{name} cannot be imported: {error}; install it or choose another") from error


def _first_that_works(
    attention: Callable[..., Any],
    framework: str | Callable[[Array], Any],
    layout: str,
    query_PTNH: Array,
    key_SNH: Array,
) -> _Probe:
    """The function with the first kind of arrays for which it does not raise."""
    problems = []
    for kind, make in _makers(framework):
        probe = _Probe(attention, kind, make, layout, query_PTNH, key_SNH)
        try:
            probe(SIZES[0])
        except _RaisedError as error:
            problems.append(str(error))
        else:
            return probe
    raise CheckError("; ".join(problems))


def _levels(probe: _Probe) -> list[_Level]:
    """Four magnitudes, the first where log-weight differences reach 1 to 2; then keys grow 4 times, queries 16 times.

    Scores then reach 20 to 50: a softcap shows, and a softmax that takes no maximum off does not overflow.
    """
    first, again, size = probe(SIZES[0]), probe(SIZES[0]), SIZES[0]
    _require(first.finite, "the output has NaN or infinite numbers; is there a row in which every key is masked?")
    _require(
        np.abs(first.weight_PNTS - again.weight_PNTS).max() <= TOLERANCE * np.abs(first.weight_PNTS).max(),
        "two equal calls give different outputs; turn dropout and other randomness off",
    )
    if ((first.weight_PNTS > 0).all(axis=0).sum(axis=-1) - 1).clip(0).sum() < ENOUGH:
        others = ", ".join(layout for layout in LAYOUTS if layout != probe.layout)
        raise _OtherError(f"queries see one key each, or hardly more (is {probe.layout} the layout? others: {others})")
    level = first
    while _reach(level) < 2 * REACH and size < SIZES[1] and (larger := probe(4 * size)).finite:  # float16 ends at 65504
        level, size = larger, 4 * size
    if _reach(level) > 4 * REACH:
        level, size = probe(size / 2), size / 2
    shares_PNTS = np.concatenate([one.weight_PNTS / one.weight_PNTS.max() for one in (first, level)])
    if ((shares_PNTS == 0).any(axis=0) & (shares_PNTS > SEEN).any(axis=0)).any():
        raise _OtherError("weights are exactly 0 for some queries alone (ReLU, or sparse weights?)")
    larger_levels = (probe(size * factor, 4.0) for factor in (1, 4, 16))
    return [level, *(larger for larger in larger_levels if larger.finite)]


# ---- Judging the weights


@dataclass(frozen=True)
class _Fit:
    """A straight line through log-weight differences, by least squares."""

    slope: Array
    power: float
    """Sum of the squares of the predicted differences: what the slope rests on."""
    residual: float
    signal: float
    """Root mean squares: of what the line leaves, and of the log-weight differences."""
    count: int
    """Differences fitted, less the constants of the rows."""

    @property
    def good(self) -> bool:
        return self.count >= ENOUGH and self.residual < min(RESIDUAL * max(self.signal, 1.0), 0.2 * self.signal)


def _log_difference(weight_PNTS: Array, smallest: float = 0.0) -> tuple[Array, Array]:
    """Log weight_a - log weight_b [N, T, S], and where both weights are above `smallest`."""
    used_NTS: Array = np.asarray((weight_PNTS > smallest).all(axis=0))
    log_PNTS = np.log(np.where(used_NTS, weight_PNTS, 1.0))
    return log_PNTS[0] - log_PNTS[1], used_NTS


def _reach(level: _Level) -> float:
    """The range of log-weight differences in the row where it is largest."""
    y_NTS, used_NTS = _log_difference(level.weight_PNTS)
    return float((np.where(used_NTS, y_NTS, -np.inf).max(-1) - np.where(used_NTS, y_NTS, np.inf).min(-1)).max())


def _fit(weight_PNTS: Array, predicted_PNTS: Array, over: tuple[int, ...] = (0, 1, 2)) -> _Fit:
    """Fit differences of predicted scores to those of log weights: one slope for all the axes `over`."""
    with np.errstate(over="ignore"):
        half = (weight_PNTS.astype(np.float16) == weight_PNTS).all()
    y_NTS, used_NTS = _log_difference(weight_PNTS, SEEN if half else 2.0**-100)
    number_NT1 = used_NTS.sum(axis=-1, keepdims=True)

    def centred(z_NTS: Array) -> Array:
        mean_NT1 = np.where(used_NTS, z_NTS, 0.0).sum(axis=-1, keepdims=True) / number_NT1.clip(1)
        return np.where(used_NTS, z_NTS - mean_NT1, 0.0)

    x_NTS, y_NTS = centred(predicted_PNTS[0] - predicted_PNTS[1]), centred(y_NTS)
    power = (x_NTS**2).sum(axis=over, keepdims=True)
    slope = (x_NTS * y_NTS).sum(axis=over, keepdims=True) / np.where(power > 0, power, np.inf)
    count = int((number_NT1 - 1).clip(0).sum())
    residual, signal = (math.sqrt((z_NTS**2).sum() / max(count, 1)) for z_NTS in (y_NTS - slope * x_NTS, y_NTS))
    return _Fit(slope, float(power.sum()), residual, signal, count)


def _fits(levels: list[_Level]) -> list[_Fit]:
    """The fits to q.k, without levels that rest on less than the first: float16 leaves few weights at large ones."""
    first, *larger = (_fit(level.weight_PNTS, level.dot_PNTS) for level in levels)
    return [first, *(fit for fit in larger if fit.count >= ENOUGH and fit.power > first.power)]


def _drift(fits: list[_Fit]) -> float:
    """How far the slope moves from the first, relatively, in units of what rounding may do."""
    first, *larger = fits
    # 16 standard errors: rounding is no noise, with a bias it repeats itself. Measured: up to 0.4 of what is allowed.
    allowed = DRIFT + 16 * first.residual / (first.signal * math.sqrt(first.count))
    return max((fit.slope.item() / first.slope.item() - 1 for fit in larger), key=abs, default=0.0) / allowed


def _sums(levels: list[_Level], axis: int = -1) -> tuple[float, float, bool]:
    """The lowest and the highest sum of weights along an axis of [P, N, T, S], and whether all are 1."""
    sums = np.stack([level.weight_PNTS.sum(axis=axis) for level in levels])
    sums = sums[sums > 0]  # a row that sees no key has none
    return float(sums.min()), float(sums.max()), bool((np.abs(sums - 1) <= TOLERANCE).all())


def _report(levels: list[_Level], fits: list[_Fit], names: dict[str, float]) -> ScaleReport:
    """The report of a function whose log weights follow q.k; what the weights of a row sum to decides the rest."""
    slopes = np.array([fit.slope.item() for fit in fits])
    scale = float(slopes[-1])  # of the largest scores, which rounding disturbs least
    softmax, text = True, f"softmax of q.k times {_named(scale, names)}"
    low, high, one = _sums(levels)
    between = f"a row sums to {low:.3g} to {high:.3g}"
    if not one:
        if high - low <= TOLERANCE * high:
            softmax, text = False, f"scaled after the softmax, by {_named((low + high) / 2, names)}; {text}"
        elif _has_sink(levels):
            text += f", with a sink: {between}, as beside one more key without a value"
        else:
            softmax, text = False, f"changed after the softmax (a gate, no normalisation?): {between}; {text}"
    added = _added(levels[0], scale)
    if added > 0.05:  # bfloat16 leaves up to 0.02 without a bias
        text += f"; something else is added to the scores, differing by up to {added:.3g} between keys"
    return ScaleReport(scale, _matching(scale, names), text, float(np.abs(slopes / scale - 1).max()), softmax)


def _named(scale: float, names: dict[str, float]) -> str:
    """A factor and its names: '0.125 = 1/sqrt(d_head)'."""
    found = _matching(scale, names)
    if not found:
        return f"{scale:.4g}, which has no name here (1/sqrt(d_head) is {names['1/sqrt(d_head)']:.4g})"
    return " = ".join([f"{scale:.4g}", *found])


def _has_sink(levels: list[_Level]) -> bool:
    """Whether what rows lack of 1 is the weight of one more key, whose score no query changes."""
    for level in levels:
        lack_PNT1 = 1 - level.weight_PNTS.sum(axis=-1, keepdims=True)
        if lack_PNT1.min() < -TOLERANCE:
            return False
        lack_PNT1[lack_PNT1 < 2.0**-4] = 0.0  # not used: in bfloat16 few digits of it are left
        dot_PNTS = np.concatenate([level.dot_PNTS, np.zeros_like(lack_PNT1)], axis=-1)
        fit = _fit(np.concatenate([level.weight_PNTS, lack_PNT1], axis=-1), dot_PNTS)
        if fit.count >= ENOUGH and not fit.good:
            return False
    return True


def _added(level: _Level, scale: float) -> float:
    """How far apart in a row log weights less scale * q.k are."""
    seen_PNTS = level.weight_PNTS > SEEN
    rest_PNTS = np.log(np.where(seen_PNTS, level.weight_PNTS, 1.0)) - scale * level.dot_PNTS
    highest, lowest = np.where(seen_PNTS, rest_PNTS, -np.inf).max(-1), np.where(seen_PNTS, rest_PNTS, np.inf).min(-1)
    return float((highest - lowest).max())


# ---- Explaining what is no softmax of a scaled dot product


def _reason(probe: _Probe, levels: list[_Level], names: dict[str, float]) -> str:
    """Why log weights do not follow q.k: the first explanation that fits."""
    for label, axis in (("queries", -2), ("heads", 1)):
        if _sums(levels, axis)[2] and not _sums(levels)[2]:
            return f"for every key the weights of all {label} sum to 1 (the softmax runs over the wrong axis)"
    if all(_fit(level.weight_PNTS, level.dot_PNTS.swapaxes(-1, -2)).good for level in levels):
        return "query and key are swapped: row i holds what key i finds among the queries"
    return _normalised(probe) or _uneven(levels) or _capped(probe, levels, names) or _unexplained(levels)


def _normalised(probe: _Probe) -> str:
    level = probe(1.0)
    query_PNT1 = np.linalg.norm(level.query_PTNH, axis=-1).swapaxes(1, 2)[..., None]
    key_N1S = np.linalg.norm(level.key_SNH, axis=-1).T[:, None].clip(1e-30)
    for label, length in (("queries and keys", query_PNT1 * key_N1S), ("queries", query_PNT1), ("keys", key_N1S)):
        if level.finite and (fit := _fit(level.weight_PNTS, level.dot_PNTS / length)).good:
            return f"{label} are normalised first (QK-norm, cosine); the factor after that is {fit.slope.item():.4g}"
    return ""


def _uneven(levels: list[_Level]) -> str:
    for label, over in (("heads", (1, 2)), ("queries", (2,))):
        fits = [_fit(level.weight_PNTS, level.dot_PNTS, over) for level in levels]
        if len(fits) < 2 or not all(fit.good for fit in fits):
            continue
        known = fits[0].slope != 0  # not so for a query that sees one key
        slopes, later = fits[0].slope[known], fits[1].slope[known]
        # A softcap moves slopes more, between magnitudes, than it parts them.
        if np.ptp(slopes) > 4 * np.abs(later - slopes).max():
            return f"the factor differs between {label}, from {slopes.min():.4g} to {slopes.max():.4g}"
    return ""


def _capped(probe: _Probe, levels: list[_Level], names: dict[str, float]) -> str:
    first, *larger = _fits(levels)
    size, small = np.abs(levels[0].query_PTNH).min(), levels[0]
    while _reach(small) > _reach(levels[0]) / 16 and size > SIZES[0]:
        size /= 4
        small = probe(size)
    fit = _fit(small.weight_PNTS, small.dot_PNTS)
    if first.good and fit.residual > RESIDUAL * fit.signal:  # in 16 bits the smallest differences are not sharp
        fit = first
    if not fit.good or not larger or not _sums(levels)[2]:
        return ""
    slope = fit.slope.item()
    other = max((one.slope.item() for one in larger), key=lambda one: abs(one - slope))
    change = "falls with magnitude, as under a softcap" if abs(other) < abs(slope) else "grows with magnitude"
    return f"the factor {change}: {_named(slope, names)} for small scores, {other:.4g} for large ones"


def _unexplained(levels: list[_Level]) -> str:
    if _reach(levels[0]) < REACH:
        return f"log weights change by {_reach(levels[0]):.2g} at most, however large the queries"
    fits = _fits(levels)
    share = max(fit.residual for fit in fits) / max(fit.signal for fit in fits)
    low, high, one = _sums(levels)
    sums = "" if one else f"; the weights of a row sum to {low:.3g} to {high:.3g}"
    guess = "linear or sigmoid attention, RoPE, a projection?"
    return f"log weights differ by {share:.0%} from every multiple of q.k ({guess}){sums}"
