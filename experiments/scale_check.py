"""Which factor an attention function really puts on q.k: one file that needs NumPy alone, free to copy.

    assert_scale(my_attention, d_head=64)    # in a test: passes, or says what was found instead
    print(effective_scale(my_attention, d_head=64, d_model=512).verdict)

The function, (query, key, value) -> output, is a black box. A pass means: within the measured precision its output is,
for each batch item and head on its own, a softmax over the keys of

    factor * q.k  +  at most a term that does not depend on q.k (a mask, ALiBi, a bias for each key, a sink),

and nothing else. How that is found, in this order:

1. One-hot values make the weights visible, from every key of every item and head: who attends to whom (`_told_apart`).
2. Sums of weights tell over which axes the softmax runs. Other items, heads and queries are changed: nothing may move
   (`_check_axes`).
3. Where two queries a and b meet the same keys, log weight_a - log weight_b = factor * (q_a.k - q_b.k) + a constant for
   each row: what is added to the scores drops out. A line is fitted at several magnitudes (a softcap looks linear at
   one). Its standard error and the digits of the weights say how precisely the factor is known (`_fit`, `_precision`).
   Where no line fits, further calls find out why not (`_reason`).
4. The outputs for fresh queries, keys and values are predicted with that factor, and compared (`_check_prediction`).
5. The backward pass, other numbers of keys and fewer heads of keys are tried; what it cannot do is not judged
   (`_backward`, `_others`).

Queries and keys are small whole numbers times powers of two. Their products and sums are exact in float32 and nearly
always in 16 bits, and another power of two changes no rounding: what changes with magnitude is the function's doing.

What it cannot see: a softcap above about 2000 (50 in bfloat16, 30 in float16), what happens at other sizes than those
tried, and in 16 bits a neighbour of a known factor. Not for a rotation (RoPE) or projection inside: those are refused,
with their name. Dropout must be off.

The file, from the top: what is reported; the names of factors; effective_scale and assert_scale; calling the function;
its weights; then the steps above, each under a heading, and at the end the explanations of what is no such softmax.

Dimensions: P the two queries, B batch, T positions of queries, S of keys, N heads of queries, M of keys, H d_head.
"""

import dataclasses
import functools
import importlib
import inspect
import itertools
import math
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
LAYOUTS = ("BTNH", "BNTH", "BTH")
FRAMEWORKS = ("auto", "numpy", "jax", "torch")
DTYPES = ("float16", "bfloat16", "float32", "float64")
SIGNATURES = ("auto", "plain", "transformers")

SUMS = 2.0**-7  # sums of weights this near to 1 are 1: bfloat16 rounds each by up to 2**-9
# What a line may leave (root mean square), relative to the differences it explains or, where they are small, to 1.
# Measured over 3,600 sound functions, scores and weights rounded: to 0.006 in bfloat16, 0.010 with a bias as large as
# ALiBi's, 0.016 with one twice as large, 0.003 in float16. Sigmoid and linear attention leave 0.5 and more.
RESIDUAL = 0.02
FINE_RESIDUAL = 0.004  # with more than 11 digits; float32 leaves 1e-6, TF32 4e-4, scores in bfloat16 2e-3
SEEN = 2.0**-14  # the smallest normal number of float16, which loses digits below; other formats do not before 1e-38
SHOWN = 2.0**-126  # the smallest normal number of float32: below it a key is masked
REACH = 0.5  # of log-weight differences in a row: what stays below, however large the queries, is no dot product
ENOUGH = 6  # differences of weights; a line fits fewer of them by chance
SIZES = (2.0**-30, 2.0**40)  # of queries, where the search starts and ends: finds factors from 1e-12 to 1e7
NEAR = 0.05  # a factor without a name, but this near to one, is compared with it


class CheckError(Exception):
    """The check could not be made: one line with what is wrong and how to mend it."""


def _require(condition: object, message: str) -> None:
    if not condition:
        raise CheckError(message)


class _RaisedError(CheckError):
    """The function under test raised."""


class Finding(NamedTuple):
    """Something wrong: what was seen, what probably causes it, and what to do."""

    symptom: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.symptom} -> likely cause: {self.cause} -> remedy: {self.remedy}"


class _OtherError(Exception):
    """The function is no softmax of a scaled dot product, for the reason given."""

    def __init__(self, symptom: str, cause: str, remedy: str) -> None:
        self.finding = Finding(symptom, cause, remedy)
        super().__init__(str(self.finding))


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
    precision: float = math.nan
    """How precisely the factor is known, relatively: names within it match."""
    finding: Finding | None = None
    """What is wrong, if it is no such softmax."""
    remarks: tuple[str, ...] = ()
    """What else was seen: masks, the backward pass, other lengths, grouped heads; and what was not measured."""

    def applies(self, expected: str | float, within: float = 0.0) -> bool:
        """Whether it is a softmax of q.k times `expected`.

        Args:
          expected: a name, or what stands before its bracket, or a number.
          within: by how much a number may be off, absolutely, beside the precision (half a unit of its last digit).
        """
        if isinstance(expected, str):
            return self.softmax and any(expected in (name, _short(name)) for name in self.names)
        allowed = max(self.precision, 1e-6) * abs(expected) + within
        return self.softmax and abs(self.scale - expected) <= allowed


def scale_names(
    d_head: int, d_model: int | None = None, heads: int = 1, tokens: int = 1, batch: int = 1
) -> dict[str, float]:
    """The value of each factor that has a name; nan where it needs a size that is not given.

    Without `d_model`, several heads make up the model: heads * d_head.
    """
    model = d_model or (heads * d_head if heads > 1 else math.nan)
    head, head_count, token_count, items = float(d_head), *(n if n > 1 else math.nan for n in (heads, tokens, batch))
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
        "1/sqrt(tokens)": token_count**-0.5,
        "1/sqrt(batch)": items**-0.5,
    }


def _slips(d_head: int) -> dict[str, float]:
    """Factors that 1/sqrt(d_head) becomes by a slip."""
    root = np.float32(d_head**-0.5)
    bits = root.view(np.uint32)
    bfloat16 = np.uint32((int(bits) + 0x7FFF + ((int(bits) >> 16) & 1)) & 0xFFFF0000).view(np.float32)
    return {
        "1/sqrt(d_head - 1)": (d_head - 1) ** -0.5 if d_head > 1 else math.nan,
        "1/sqrt(d_head + 1)": (d_head + 1) ** -0.5,
        "1/sqrt(2 d_head)": (2 * d_head) ** -0.5,
        "1/sqrt(3 d_head), as in DeBERTa": (3 * d_head) ** -0.5,
        "1/sqrt(d_head / 2)": (d_head / 2) ** -0.5,
        "1/int(sqrt(d_head))": 1 / math.isqrt(d_head),
        "-1/sqrt(d_head): the wrong sign": -(d_head**-0.5),
        "1/sqrt(d_head), rounded to bfloat16": float(bfloat16),
        "1/sqrt(d_head), rounded to float16": float(np.float16(root)),
        "1/sqrt(d_head), rounded to 2 digits": round(d_head**-0.5, 2),
        "1/sqrt(d_head), rounded to 3 digits": round(d_head**-0.5, 3),
    }


def effective_scale(
    attention: Callable[..., Any],
    d_head: int,
    d_model: int | None = None,
    layout: str = "BTNH",
    *,
    heads: int | None = None,
    key_heads: int | None = None,
    tokens: int | None = None,
    batch: int | None = None,
    framework: str | Callable[[Array], Any] = "auto",
    dtype: str | None = None,
    device: str | None = None,
    signature: str = "auto",
) -> ScaleReport:
    """Measure the factor that `attention` applies to q.k, in about 60 calls.

    Args:
      attention: (query, key, value) -> output, or a tuple, list, dict or dataclass with it. Arguments that are called
        query, key, value (or q, k, v) may stand in any order.
      d_head: components of a head's query.
      d_model: components of the model, for the names with it; by default heads * d_head.
      layout: order of the axes: BTNH (batch, token, head, component), BNTH, or BTH for a function without heads.
      heads: how many; by default d_model / d_head where that is whole, else 2 or 3.
      key_heads: heads of keys and values, for a function that takes fewer of them; by default as many.
      tokens: how many queries, and keys; by default 8, or 10 or 14 where that would make a name ambiguous.
      batch: items of the batch; by default 2 or 3.
      framework: the arrays that it takes: numpy, jax, torch, a function that makes them of NumPy's float32, or auto:
        the first of these that it takes, among those that are imported.
      dtype: float16, bfloat16, float32 or float64; by default float32.
      device: where they are: cpu, cuda:0, ...; by default where the framework puts them.
      signature: plain; transformers for the one of its `AttentionInterface` (module, query, key, value,
        attention_mask, scaling, dropout, arrays BNTH, output BTNH); auto: transformers if the first is called module.

    Returns:
      The report, also of a function that is no softmax of a scaled dot product.

    Raises:
      CheckError: the function raises, or its output has another shape or is not finite; or an argument is invalid.
    """
    sizes = _sizes(d_head, d_model, layout, heads, key_heads, tokens, batch)
    names = scale_names(d_head, d_model, sizes.heads, sizes.tokens, sizes.batch)
    makers = _makers(framework, dtype, device)
    try:
        probe = _first_that_works(attention, makers, layout, signature, sizes, names)
        probe = _told_apart(probe)
        levels = _levels(probe)
        _check_axes(probe, levels)
        probe, levels = _without_masked_rows(probe, levels)
        fits = _fits(levels)
        if not (all(fit.good for fit in fits) and abs(_drift(fits)) <= 1):
            raise _OtherError(*_reason(probe, levels))
        rounded = fits[0].digits > 11 and fits[0].residual > 1e-4 * fits[0].signal
        if rounded and (uneven := _uneven(probe, levels)):
            raise _OtherError(*uneven)
        _require(len(fits) >= 2, "larger queries and keys give no finite weights to show a softcap; try float32")
        return _report(probe, levels, fits)
    except _OtherError as other:
        verdict = f"not a softmax of a scaled dot product: {other.finding}"
        return ScaleReport(math.nan, (), verdict, math.nan, False, finding=other.finding)


def assert_scale(
    attention: Callable[..., Any], d_head: int, expected: str | float = "1/sqrt(d_head)", **options: Any
) -> None:
    """Assert, in a test, that `attention` is a softmax of q.k times `expected`.

    Args:
      attention: as for `effective_scale`, as are d_head and the options.
      d_head: components of a head's query.
      expected: a name in `scale_names` (without what stands in brackets, if you like) or a number.
      **options: d_model, layout, heads, key_heads, tokens, batch, framework, dtype, device, signature.

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


def _matching(scale: float, names: dict[str, float], precision: float = SUMS) -> tuple[str, ...]:
    return tuple(name for name, value in names.items() if abs(scale - value) <= precision * abs(value))


@dataclass(frozen=True)
class _Sizes:
    """How many there are of each; the tokens are as many queries as keys."""

    batch: int
    tokens: int
    heads: int
    key_heads: int
    d_head: int
    free: bool
    """Whether the caller left the number of heads open."""


def _sizes(
    d_head: int,
    d_model: int | None,
    layout: str,
    heads: int | None,
    key_heads: int | None,
    tokens: int | None,
    batch: int | None,
) -> _Sizes:
    """Sizes as given, else numbers that differ and whose names are those of no other factor."""
    _require(
        layout in LAYOUTS,
        f"layout must be {', '.join(LAYOUTS)}, not {layout!r}; move the axes in a function of your own",
    )
    given = {"d_head": d_head, "d_model": d_model, "heads": heads, "key_heads": key_heads, "batch": batch}
    for name, (size, least) in {**{name: (size, 1) for name, size in given.items()}, "tokens": (tokens, 4)}.items():
        _require(
            size is None or (isinstance(size, int | np.integer) and size >= least),
            f"{name} must be a whole number of at least {least}, not {size!r}",
        )
    _require(layout != "BTH" or heads in (None, 1), f"layout BTH has no heads, so heads must be 1, not {heads}")

    def clear(number: int, heads: int = 1) -> bool:
        return not _matching(number**-0.5, scale_names(d_head, d_model, heads))

    whole = d_model // d_head if d_model is not None and d_model % d_head == 0 else None
    free = heads is None and whole is None and layout != "BTH"
    several = (2, 3) if key_heads in (None, 1) else (2 * key_heads,)
    heads = 1 if layout == "BTH" else heads or whole or next(filter(clear, several), several[0])
    _require(
        heads % (key_heads or heads) == 0,
        f"key_heads must divide the {heads} heads, not {key_heads}; give heads too",
    )
    tokens = tokens or next((n for n in (8, 10, 14) if clear(n, heads)), 8)
    return _Sizes(batch or (3 if heads == 2 else 2), tokens, heads, key_heads or heads, int(d_head), free)


def _all(condition: Array, axis: int | tuple[int, ...]) -> Array:
    return np.asarray(np.all(condition, axis=axis))


def _any(condition: Array, axis: int | tuple[int, ...]) -> Array:
    return np.asarray(np.any(condition, axis=axis))


def _listed(numbers: Iterable[Any], most: int = 6) -> str:
    """'0, 1, 5', cut after a few."""
    every = [str(number) for number in numbers]
    return ", ".join(every[:most]) + (", ..." if len(every) > most else "")


# ---- Calling the function


@dataclass(frozen=True)
class _Function:
    """The function under test, and how it is called."""

    attention: Callable[..., Any]
    kind: str
    """The kind of arrays that it gets."""
    make: Callable[[Array], Any]
    """Makes them of NumPy's."""
    layout: str
    transformers: bool
    """Whether it has the signature of transformers' `AttentionInterface`."""
    keywords: tuple[str, ...]
    """What it calls query, key and value, if they are given by name."""

    @property
    def is_layout(self) -> str:
        """'is BTNH the layout? others: BNTH, BTH'."""
        return f"is {self.layout} the layout? others: {', '.join(one for one in LAYOUTS if one != self.layout)}"

    def __call__(self, query_BTNH: Array, key_BSMH: Array, value_BSMH: Array) -> Array:
        """Its output [B, T, N, H], float64."""
        returned = self.call(query_BTNH, key_BSMH, value_BSMH)
        output = _to_numpy(self.output(returned, query_BTNH.shape))
        shape, order = self.shape(query_BTNH.shape)
        _require(
            output.shape in (shape, (*query_BTNH.shape[:2], math.prod(query_BTNH.shape[2:]))),
            f"the output must have the query's shape, {shape} in {order}, not {output.shape} "
            f"({type(returned).__name__})",
        )
        output = output.reshape(shape if output.shape == shape else query_BTNH.shape)
        swapped = order == "BNTH" and output.shape == shape
        return (output.swapaxes(1, 2) if swapped else output).reshape(query_BTNH.shape)

    def call(self, query_BTNH: Array, key_BSMH: Array, value_BSMH: Array) -> Any:
        """What the function returns for arrays of NumPy.

        Raises:
          CheckError: it raises.
        """
        arrays = [_laid_out(x, self.layout) for x in (query_BTNH, key_BSMH, value_BSMH)]
        try:
            return self.returned(*map(self.make, arrays))
        except (Exception, SystemExit) as error:
            text = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            shapes = " and ".join(dict.fromkeys(str(array.shape) for array in arrays))
            raise _RaisedError(
                f"the function raised {text} (given {self.kind} arrays of shape {shapes}, {self.layout})"
            ) from error

    def shape(self, shape_BTNH: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """The shape of its output for queries of such a shape, and the order of its axes."""
        batch, tokens, heads, d_head = shape_BTNH
        order = "BTNH" if self.transformers else self.layout
        return {
            "BTNH": (batch, tokens, heads, d_head),
            "BNTH": (batch, heads, tokens, d_head),
            "BTH": (batch, tokens, d_head),
        }[order], order

    def returned(self, query: Any, key: Any, value: Any) -> Any:
        """What the function returns for arrays of its kind, in its layout."""
        if self.transformers:
            heads, d_head = query.shape[1], query.shape[-1]
            module = _module(heads, key.shape[1], d_head)
            return self.attention(module, query, key, value, None, scaling=d_head**-0.5, dropout=0.0)
        if self.keywords:
            return self.attention(**dict(zip(self.keywords, (query, key, value), strict=True)))
        return self.attention(query, key, value)

    def output(self, returned: Any, shape_BTNH: tuple[int, ...]) -> Any:
        """The output among what the function returns: the first array of the right shape, else the first."""
        if isinstance(returned, dict):
            returned = tuple(returned.values())
        elif dataclasses.is_dataclass(returned) and not isinstance(returned, type) and not hasattr(returned, "shape"):
            returned = tuple(getattr(returned, field.name) for field in dataclasses.fields(returned))
        if not isinstance(returned, tuple | list) or not returned:
            return returned
        shape, _ = self.shape(shape_BTNH)
        fitting = [one for one in returned if tuple(getattr(one, "shape", ())) == shape]
        return [*fitting, returned[0]][0]


def _module(heads: int, key_heads: int, d_head: int) -> Any:
    """What functions of the `AttentionInterface` read of the module that calls them."""
    config = types.SimpleNamespace(
        num_attention_heads=heads, num_key_value_heads=key_heads, head_dim=d_head, attention_dropout=0.0
    )
    return types.SimpleNamespace(
        config=config,
        num_key_value_groups=heads // key_heads,
        head_dim=d_head,
        scaling=d_head**-0.5,
        attention_dropout=0.0,
        is_causal=False,
        training=False,
        layer_idx=0,
        sliding_window=None,
    )


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


def _keywords(attention: Callable[..., Any]) -> tuple[str, ...]:
    """The names of query, key and value where they stand in another order, or can only be given by name."""
    try:
        parameters = inspect.signature(attention).parameters
    except (TypeError, ValueError):  # a function in C has none
        return ()
    for names in (("query", "key", "value"), ("q", "k", "v"), ("queries", "keys", "values"), ("Q", "K", "V")):
        kinds = [parameters[name].kind for name in names if name in parameters]
        if len(kinds) < 3 or inspect.Parameter.POSITIONAL_ONLY in kinds:
            continue
        first = [*parameters][:3]
        return () if first == [*names] and inspect.Parameter.KEYWORD_ONLY not in kinds else names
    return ()


def _is_transformers(attention: Callable[..., Any], signature: str) -> bool:
    _require(signature in SIGNATURES, f"signature must be {', '.join(SIGNATURES)}, not {signature!r}")
    if signature != "auto":
        return signature == "transformers"
    try:
        return next(iter(inspect.signature(attention).parameters), "") == "module"
    except (TypeError, ValueError):
        return False


Maker = tuple[str, Callable[[Array], Any]]


def _makers(framework: str | Callable[[Array], Any], dtype: str | None, device: str | None) -> list[Maker]:
    """The kinds of arrays to try, one after the other, and what makes them of NumPy's."""
    _require(dtype is None or dtype in DTYPES, f"dtype must be {', '.join(DTYPES)}, not {dtype!r}")
    if callable(framework):
        _require(dtype is None and device is None, "dtype and device: let the function given as framework set them")
        return [("its", framework)]
    _require(framework in FRAMEWORKS, f"framework must be {', '.join(FRAMEWORKS)} or a function, not {framework!r}")
    makers = {"numpy": _numpy_maker, "jax": _jax_maker, "torch": _torch_maker}
    modules = {"numpy": "numpy", "jax": "jax.numpy", "torch": "torch"}
    problems, made = [], []
    for name, maker in makers.items():
        if framework == name or (framework == "auto" and modules[name] in sys.modules):
            try:
                made.append((f"{name} {dtype}" if dtype else name, maker(dtype, device)))
            except ImportError as error:
                raise CheckError(f"{name} cannot be imported: {error}; install it or choose another") from error
            except CheckError as error:
                problems.append(str(error))
    _require(made, "; ".join(problems))
    return made


def _numpy_maker(dtype: str | None, device: str | None) -> Callable[[Array], Any]:
    _require(device in (None, "cpu"), f"NumPy has no device {device!r}; choose framework jax or torch")
    _require(dtype != "bfloat16", "NumPy has no bfloat16; choose framework jax or torch")
    return lambda x: np.array(x, dtype or np.float32)


def _jax_maker(dtype: str | None, device: str | None) -> Callable[[Array], Any]:
    jax, numpy = importlib.import_module("jax"), importlib.import_module("jax.numpy")
    _require(dtype != "float64" or jax.config.jax_enable_x64, "JAX has float64 with JAX_ENABLE_X64=1 alone; set it")
    if device is None:
        return lambda x: numpy.array(x, dtype)
    kind, _, number = device.partition(":")
    try:
        where = jax.devices("gpu" if kind == "cuda" else kind)[int(number or 0)]
    except (RuntimeError, ValueError, IndexError) as error:
        known = ", ".join(str(one) for one in jax.devices())
        raise CheckError(f"JAX has no device {device!r}; it has: {known}") from error
    return lambda x: jax.device_put(numpy.array(x, dtype), where)


def _torch_maker(dtype: str | None, device: str | None) -> Callable[[Array], Any]:
    torch = importlib.import_module("torch")
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise CheckError(f"PyTorch has no device {device!r}: {str(error).splitlines()[0]}; choose another") from error
    return lambda x: torch.tensor(x, dtype=dtype and getattr(torch, dtype), device=device)


def _first_that_works(
    attention: Callable[..., Any],
    makers: Iterable[Maker],
    layout: str,
    signature: str,
    sizes: _Sizes,
    names: dict[str, float],
) -> "_Probe":
    """The function with the first kind of arrays for which it does not raise."""
    transformers = _is_transformers(attention, signature)
    problems, works = [], []
    query_PBTNH, key_BSMH = _draw(np.random.default_rng(0), sizes, sizes.tokens)
    arrays = (query_PBTNH[0] * SIZES[0], key_BSMH, np.zeros_like(key_BSMH))
    for kind, make in makers:
        function = _Function(
            attention, kind, make, "BNTH" if transformers else layout, transformers, _keywords(attention)
        )
        try:
            returned = function.call(*arrays)
        except _RaisedError as error:
            problems.append(str(error))
            continue
        works.append(_Probe(function, sizes, query_PBTNH, key_BSMH, np.arange(sizes.heads) % sizes.key_heads, names))
        if _kind(function.output(returned, query_PBTNH.shape[1:])) in kind:
            return works[-1]
    # JAX's functions take arrays of NumPy too: then those of JAX are tried first, which give gradients.
    if works:
        return works[-1]
    hint = "it must take query, key and value alone; if it takes one type or device, name it (--dtype, --device)"
    raise CheckError("; ".join([*problems, hint]))


def _kind(array: Any) -> str:
    """The framework of an array: numpy, jax or torch."""
    return {"jaxlib": "jax"}.get(module := type(array).__module__.partition(".")[0], module)


# ---- Its weights, made visible by one-hot values


def _draw(rng: np.random.Generator, sizes: _Sizes, keys: int) -> tuple[Array, Array]:
    """Two queries [P, B, T, N, H] and keys [B, S, M, H], each vector of one of two sizes: what is normalised shows."""
    batch, tokens, heads, d_head = sizes.batch, sizes.tokens, sizes.heads, sizes.d_head
    query_PBTNH = rng.choice([-1.0, 1.0], (2, batch, tokens, heads, d_head))
    key_BSMH = rng.choice(np.arange(-2.0, 3.0), (batch, keys, sizes.key_heads, d_head))
    return (
        query_PBTNH * rng.choice([1.0, 2.0], (2, batch, tokens, heads, 1)),
        key_BSMH * rng.choice([1.0, 2.0], (batch, keys, sizes.key_heads, 1)),
    )


@dataclass(frozen=True)
class _Level:
    """Weights at one magnitude of queries and keys; nan where the output was not finite."""

    query_PBTNH: Array
    key_BSNH: Array
    """For each head of queries its own."""
    weight_PBNTS: Array

    @property
    def size(self) -> float:
        """What the components of its queries are multiples of."""
        return float(np.abs(self.query_PBTNH).min())

    @functools.cached_property
    def dot_PBNTS(self) -> Array:
        return np.einsum("PBTNH,BSNH->PBNTS", self.query_PBTNH, self.key_BSNH)

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.weight_PBNTS).all())


@dataclass(frozen=True)
class _Probe:
    """The function under test with the queries and keys that it gets."""

    function: _Function
    sizes: _Sizes
    query_PBTNH: Array
    key_BSMH: Array
    group_N: Array
    """The head of keys of each head of queries."""
    names: dict[str, float]
    """The value of each factor that has a name."""
    left_out_BNT: Array | None = None
    """Rows that are not judged: their weights are set to 0."""

    def __call__(self, query_size: float, key_size: float = 1.0) -> _Level:
        """The weights of the keys of each query's own item and head."""
        query_PBTNH, key_BSMH = self.query_PBTNH * query_size, self.key_BSMH * key_size
        weight_PBNTS = np.stack([_weights(self.function, query_BTNH, key_BSMH) for query_BTNH in query_PBTNH])
        if self.left_out_BNT is not None:
            weight_PBNTS[:, self.left_out_BNT] = 0.0
        return _Level(query_PBTNH, key_BSMH[:, :, self.group_N], weight_PBNTS)


def _fresh(probe: _Probe) -> _Probe:
    """With other queries and keys."""
    query_PBTNH, key_BSMH = _draw(np.random.default_rng(10), probe.sizes, probe.sizes.tokens)
    return dataclasses.replace(probe, query_PBTNH=query_PBTNH, key_BSMH=key_BSMH)


def _weights(function: _Function, query_BTNH: Array, key_BSMH: Array) -> Array:
    """Weights [B, N, T, S], summed over all items and heads of values: these are alike."""
    _, keys, _, d_head = key_BSMH.shape
    weight_BNTS = np.zeros((*query_BTNH.shape[:1], query_BTNH.shape[2], query_BTNH.shape[1], keys))
    for start in range(0, keys, d_head):
        stop = min(start + d_head, keys)
        value_BSMH = np.zeros(key_BSMH.shape)
        value_BSMH[:, np.arange(start, stop), :, np.arange(stop - start)] = 1.0
        output_BNTH = function(query_BTNH, key_BSMH, value_BSMH).swapaxes(1, 2)
        weight_BNTS[..., start:stop] = output_BNTH[..., : stop - start]
        size = np.abs(output_BNTH).max()
        if (np.abs(output_BNTH[..., stop - start :]) > SUMS * size).any():
            raise _OtherError(
                "the output has components that no value has",
                "a projection or bias behind the attention, or components that are mixed up",
                "check the function without its output projection",
            )
    if (weight_BNTS < -SUMS * np.nanmax(np.abs(weight_BNTS), initial=0.0)).any():
        raise _OtherError(
            f"there are weights below 0, such as {weight_BNTS.min():.3g}",
            "no softmax, a mask added after it, or values that are changed before they are summed",
            "take the softmax of the masked scores over the keys",
        )
    return weight_BNTS


def _responses(probe: _Probe, query_BTNH: Array, key_BSMH: Array) -> Array:
    """Weights [B, T, N, B', S, M] of every key of every item and head, not only of a query's own."""
    shape, d_head = key_BSMH.shape[:3], key_BSMH.shape[3]
    count = math.prod(shape)
    weight = np.zeros((*query_BTNH.shape[:3], count))
    for start in range(0, count, d_head):
        stop = min(start + d_head, count)
        value = np.zeros((count, d_head))
        value[np.arange(start, stop), np.arange(stop - start)] = 1.0
        output_BTNH = probe.function(query_BTNH, key_BSMH, value.reshape(key_BSMH.shape))
        weight[..., start:stop] = output_BTNH[..., : stop - start]
    return weight.reshape(*query_BTNH.shape[:3], *shape)


# ---- Who attends to whom


def _told_apart(probe: _Probe) -> _Probe:
    """The probe with what it measured first: rows that are NaN, and which head of keys each head of queries uses.

    Raises:
      _OtherError: weights are spread over other items, heads or positions than those of a query's own item and head.
    """
    query_BTNH, key_BSMH = probe.query_PBTNH[0] * SIZES[0], probe.key_BSMH * 2.0**-8
    value_BSMH = np.random.default_rng(1).choice([1.0, 2.0], key_BSMH.shape)
    first, again = (probe.function(query_BTNH, key_BSMH, value_BSMH) for _ in range(2))
    lost_BNT = ~_all(np.isfinite(first), -1).swapaxes(1, 2)
    _require(
        not lost_BNT.all() and np.isfinite(first.swapaxes(1, 2)[~lost_BNT]).all(),
        "the output has NaN or infinite numbers; is there a row in which every key is masked?",
    )
    _require(
        np.allclose(first, again, rtol=0, atol=SUMS * np.nanmax(np.abs(first)), equal_nan=True),
        "two equal calls give different outputs; turn dropout and other randomness off",
    )
    _check_values(probe, query_BTNH, key_BSMH, lost_BNT.swapaxes(1, 2))
    weight = np.nan_to_num(_responses(probe, query_BTNH, key_BSMH))
    seen = np.abs(weight) > 2.0**-14 * np.abs(weight).max(axis=(3, 4, 5), keepdims=True)
    _check_support(seen, probe)
    group_N = _groups_of(np.abs(weight).sum(axis=(0, 1, 3, 4)))
    lost = lost_BNT if lost_BNT.any() else None
    return dataclasses.replace(probe, group_N=group_N, left_out_BNT=lost)


def _groups_of(share_NM: Array) -> Array:
    """The head of keys and values that each head of queries uses, from the weights that it gives them."""
    group_N = share_NM.argmax(axis=1)
    if share_NM.shape[0] == share_NM.shape[1] and (group_N != np.arange(len(group_N))).any():
        raise _OtherError(
            f"heads are permuted: heads 0, 1, ... take the values of heads {_listed(group_N)}",
            "a reshape, a roll or a transpose over the heads",
            "keep the order of the heads",
        )
    used_NM = share_NM > 2.0**-14 * share_NM.max()
    for kind, used in (("queries", used_NM.any(axis=1)), ("keys and values", used_NM.any(axis=0))):
        if not used.all():
            raise _OtherError(
                f"heads of {kind} have no part in the output: {_listed(np.flatnonzero(~used))}",
                "a mask or gate over the heads, or one head of keys and values that is broadcast to all",
                "let head n of queries use head n // (heads / key_heads) of keys and values",
            )
    return group_N


def _check_values(probe: _Probe, query_BTNH: Array, key_BSMH: Array, lost_BTN: Array) -> None:
    """Values that are equal for all keys must come out as they are, times the sum of the weights; none as none."""
    value_H = np.random.default_rng(7).permutation(np.arange(key_BSMH.shape[-1]) % 7 + 1.0)
    none, output_BTNH = (
        np.where(lost_BTN[..., None], 0.0, probe.function(query_BTNH, key_BSMH, np.broadcast_to(value, key_BSMH.shape)))
        for value in (np.zeros_like(value_H), value_H)
    )
    if (np.abs(none) > 0).any() and (none == output_BTNH).all():
        raise _OtherError(
            "the output does not depend on the values",
            "keys or queries stand where the values should, such as weights @ k",
            "sum the values: weights @ v",
        )
    if (np.abs(none) > 0).any():
        raise _OtherError(
            f"the output has components that no value has: for values of 0 it is up to {np.abs(none).max():.3g}",
            "a bias or a residual connection behind the attention",
            "check the function without it",
        )
    ratio_BTNH = output_BTNH / value_H
    if (np.ptp(ratio_BTNH, axis=-1) > 4 * SUMS * np.abs(ratio_BTNH).max()).any():
        raise _OtherError(
            "values that are equal for all keys come out with other components",
            "components that are mixed up (values or output), a projection, or values that are normalised or changed",
            "sum the values as they are: weights @ v; check the function without its projections",
        )


def _check_support(seen: Array, probe: _Probe) -> None:
    """Compare who attends to whom, [B, T, N, B', S, M], with the patterns of known mistakes."""
    batch, tokens, heads, _, keys, key_heads = seen.shape
    b, t, n, b2, s, m = np.ogrid[:batch, :tokens, :heads, :batch, :keys, :key_heads]
    own, grouped = b == b2, heads != key_heads

    def within(pattern: Array) -> bool:
        return not (seen & ~pattern).any()

    if within(own & (m == n)) or (grouped and within(own) and not within(own & (s == t))):
        if within(own & (s == t)) and tokens > 1:
            raise _OtherError(
                f"queries see one key each ({probe.function.is_layout})",
                "axes in another order, a mask of the diagonal alone, or an output that is the value",
                "choose the layout that the function takes",
            )
        return
    patterns = _patterns(seen.shape, probe.function.is_layout)
    for pattern, symptom, cause, remedy in patterns:
        if heads > 1 and within(pattern):
            raise _OtherError(symptom, cause, remedy)
    if not within(own):
        source = [int(one) for one in np.flatnonzero(seen.any(axis=(0, 1, 2, 4, 5)))]
        few = f": keys and values of item {source[0]} serve them all" if len(source) == 1 else ""
        raise _OtherError(
            f"batch items are not independent{few}",
            "a broadcast or index over the batch, a reshape that mixes items, or a sum over the wrong axis",
            "let each item use its own keys and values",
        )
    _check_mixed(seen)


def _patterns(shape: tuple[int, ...], is_layout: str) -> list[tuple[Array, str, str, str]]:
    """Who attends to whom, [B, T, N, B', S, M], under known mistakes, with symptom, cause and remedy."""
    batch, tokens, heads, _, keys, key_heads = shape
    b, t, n, b2, s, m = np.ogrid[:batch, :tokens, :heads, :batch, :keys, :key_heads]
    own = b == b2
    mixed = "a reshape or view where a transpose was needed"
    transpose = "transpose to [batch, head, token, component] before and back after, never reshape across axes"
    item_tokens = t * heads + n
    return [
        (own & (s == t), "queries see one key each, and the other heads of their own token",
         f"axes in another order ({is_layout})",
         "choose the layout that the function takes, or transpose heads and tokens"),
        ((s == t) & (m == n), "queries attend over the items of the batch, at their own position",
         "the first two axes are exchanged (tokens before batch, as with batch_first=False)",
         "move the batch to the front"),
        (own & (item_tokens // tokens == (s * key_heads + m) // keys), "tokens and heads are mixed up",
         mixed, transpose),
        (own & (m == item_tokens // tokens), "tokens and heads of the output are mixed up", mixed, transpose),
        (own & (item_tokens // tokens == m), "tokens and heads of the queries are mixed up", mixed, transpose),
        (own & ((s * key_heads + m) // keys == n), "tokens and heads of the keys are mixed up", mixed, transpose),
    ]  # fmt: skip


def _check_mixed(seen: Array) -> None:
    """Heads that take values of several heads: mixed with tokens if some queries take of one alone, else added."""
    count_NM = seen.sum(axis=(0, 1, 3, 4))
    if (count_NM > 0).sum(axis=1).max() > 1:
        foreign_NM = np.arange(count_NM.shape[1]) != count_NM.argmax(axis=1)[:, None]
        some_without = (seen & foreign_NM[:, None, None]).sum(axis=(3, 4, 5)).min() == 0
        symptom = "tokens and heads are mixed up" if some_without else "heads leak into each other"
        raise _OtherError(
            f"{symptom}: a head's output takes values of several heads",
            "a reshape or view where a transpose was needed, or a sum over the wrong axis",
            "transpose to [batch, head, token, component] before and back after, never reshape across axes",
        )


# ---- The weights at several magnitudes, and over which axes they sum to 1


def _levels(probe: _Probe) -> list[_Level]:
    """Levels: one of nearly no scores, then four magnitudes, the first where log-weight differences reach 1 to 2.

    Then keys grow 4 times, queries 16 times. Scores then reach 20 to 50: a softcap shows, and a softmax that takes no
    maximum off does not overflow.
    """
    first, size = probe(SIZES[0]), SIZES[0]
    if ((first.weight_PBNTS > SHOWN).all(axis=0).sum(axis=-1) - 1).clip(0).sum() < ENOUGH:
        raise _OtherError(
            f"queries see one key each, or hardly more ({probe.function.is_layout})",
            "axes in another order, or a mask that leaves hardly a key",
            "choose the layout that the function takes, or check it with fewer masked keys",
        )
    level = first
    while _reach(level) < 2 * REACH and size < SIZES[1] and (larger := probe(4 * size)).finite:  # float16 ends at 65504
        level, size = larger, 4 * size
    if _reach(level) > 4 * REACH:
        level, size = probe(size / 2), size / 2
    shares = np.concatenate([one.weight_PBNTS / one.weight_PBNTS.max() for one in (first, level, probe(2 * size))])
    if ((shares == 0).any(axis=0) & (shares > SEEN).any(axis=0)).any():
        raise _OtherError(
            "weights are exactly 0 for some queries alone",
            "ReLU, sparsemax or a top-k in place of the softmax",
            "take the softmax of all visible scores",
        )
    larger_levels = (probe(size * factor, 4.0) for factor in (1, 4, 16))
    return [first, level, *(larger for larger in larger_levels if larger.finite)]


def _sums(levels: Sequence[_Level], axes: tuple[int, ...] = (-1,)) -> tuple[float, float, bool]:
    """The lowest and the highest sum of weights along axes of [P, B, N, T, S], and whether all are 1."""
    sums = np.stack([level.weight_PBNTS.sum(axis=axes) for level in levels])
    sums = sums[sums > 0]  # a row that sees no key has none
    if not sums.size:
        return 0.0, 0.0, False
    return float(sums.min()), float(sums.max()), bool((np.abs(sums - 1) <= SUMS).all())


AXES = {1: "batch items", 2: "heads", 3: "queries", 4: "keys"}


def _check_axes(probe: _Probe, levels: list[_Level]) -> None:
    """Over which axes weights sum to 1, and whether other items, heads or queries move the output."""
    low, high, one = _sums(levels)
    varied = high - low > SUMS * high
    if varied and not one:
        _check_sums([level for level in levels[1:] if _reach(level) >= REACH] or levels)
    if varied or one:
        _check_leaks(probe, levels)


def _check_sums(levels: list[_Level]) -> None:
    """Weights that do not sum to 1 over the keys must not do so over other axes."""
    shape = levels[0].weight_PBNTS.shape
    axes = [axis for axis in AXES if shape[axis] > 1]
    subsets = (subset for count in range(1, len(axes) + 1) for subset in itertools.combinations(axes, count))
    for subset in subsets:
        if subset != (4,) and _sums(levels, subset)[2]:
            over = " and ".join(AXES[axis] for axis in subset)
            if len(subset) > 1:
                over = f"{'the whole array' if len(subset) == len(axes) > 2 else 'more than the keys'} ({over})"
            raise _OtherError(
                f"the softmax runs over {over}, not over the keys: there the weights sum to 1",
                "a wrong axis of the softmax",
                "softmax(scores, axis=-1), where the last axis holds the keys",
            )


def _check_leaks(probe: _Probe, levels: list[_Level]) -> None:
    """Exchange the queries and keys of other items and heads, and other queries: a row of the output must not move."""
    sizes, level = probe.sizes, levels[1]
    rng = np.random.default_rng(2)
    query_PBTNH, key_BSMH = level.query_PBTNH, probe.key_BSMH
    other_BSMH = np.roll(key_BSMH, 1, axis=-1)[:, ::-1] if sizes.d_head > 1 else -key_BSMH
    value_BSMH = rng.integers(-3, 4, key_BSMH.shape).astype(float)
    base = np.nan_to_num(probe.function(query_PBTNH[0], key_BSMH, value_BSMH))
    allowed = max(2.0**-13, 4 * 2.0 ** -_digits(level.weight_PBNTS)) * np.abs(base).max()
    for label, axis, count in (("items", 0, sizes.batch), ("heads", 2, sizes.heads), ("queries", 1, sizes.tokens)):
        for kept in (0, count - 1) if count > 1 else ():
            query, key = query_PBTNH[1].copy(), key_BSMH.copy()
            own: tuple[Any, ...]
            place = (slice(None),) * axis
            query[(*place, kept)] = query_PBTNH[0][(*place, kept)]
            if label != "queries":
                key = other_BSMH.copy()
                own = (*place, int(probe.group_N[kept]) if label == "heads" else kept)
                key[own] = key_BSMH[own]
            moved = np.nan_to_num(probe.function(query, key, value_BSMH)) - base
            size = float(np.abs(moved[(*place, kept)]).max())
            if size > allowed:
                raise _OtherError(*(_swapped(probe, levels) or _exchanged(probe, levels) or _leak(label, size)))


def _leak(label: str, size: float) -> Finding:
    what, given = "batch items" if label == "items" else label, "queries" if label == "queries" else "queries and keys"
    return Finding(
        f"{what} are not independent: the output of one moves by {size:.2g} when {given} of the others change",
        _LEAKS[label],
        f"let each of the {label} use its own queries and keys, and normalise over keys alone",
    )


_LEAKS = {
    "items": "a softmax, mean or index over the batch, or a broadcast of one item's keys",
    "heads": "a softmax, mean or index over the heads, or scores that are summed over them",
    "queries": "a softmax over the queries, a normalisation over the sequence, or queries that are mixed before",
}


# ---- Rows in which every key is masked


def _without_masked_rows(probe: _Probe, levels: list[_Level]) -> tuple[_Probe, list[_Level]]:
    """Without rows that are uniform since a mask hides all their keys, as the masks of the other rows show."""
    first, level = levels[0].weight_PBNTS, levels[1].weight_PBNTS
    flat = (np.ptp(first, axis=-1) <= SUMS * first.max(axis=-1)).all(axis=0)
    flat &= (np.abs(level - first) <= SUMS * first).all(axis=(0, -1))
    empty_BNT = np.zeros_like(flat)
    tokens, keys = first.shape[-2:]
    for b, n in np.ndindex(*flat.shape[:2]):
        if flat[b, n].any() and not flat[b, n].all():
            empty_BNT[b, n] = flat[b, n] & _sees_nothing(first[0, b, n] > SHOWN, ~flat[b, n], tokens, keys)
    if not empty_BNT.any():
        return probe, levels
    left_out_BNT = empty_BNT if probe.left_out_BNT is None else empty_BNT | probe.left_out_BNT
    levels = [dataclasses.replace(one, weight_PBNTS=_zeroed(one.weight_PBNTS, empty_BNT)) for one in levels]
    return dataclasses.replace(probe, left_out_BNT=left_out_BNT), levels


def _zeroed(weight_PBNTS: Array, rows_BNT: Array) -> Array:
    return np.where(rows_BNT[..., None], 0.0, weight_PBNTS)


def _sees_nothing(visible_TS: Array, judged_T: Array, tokens: int, keys: int) -> Array:
    """Rows [T] that see no key, if they mask as the rows `judged_T`: by distance, and keys that these never see."""
    distance_TS = np.arange(keys) - np.arange(tokens)[:, None]
    shown_TS = visible_TS & judged_T[:, None]
    past, future = distance_TS[shown_TS].min(), distance_TS[shown_TS].max()
    return ~_any((distance_TS >= past) & (distance_TS <= future) & _any(shown_TS, 0), -1)


# ---- Judging the weights


def _digits(weight: Array) -> int:
    """The fewest binary digits that hold all the weights: 8 for bfloat16, 11 for float16 and TF32, 24 for float32."""
    used = weight[(weight > SEEN) & np.isfinite(weight)]
    mantissa, _ = np.frexp(used)
    for digits in (8, 11, 24):
        scaled = np.ldexp(mantissa, digits)
        if (scaled == np.round(scaled)).all():
            return digits
    return 53


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
    digits: int
    """Binary digits of the weights."""

    @property
    def good(self) -> bool:
        allowed = RESIDUAL if self.digits <= 11 else FINE_RESIDUAL
        return self.count >= ENOUGH and self.residual < min(allowed * max(self.signal, 1.0), 0.2 * self.signal)

    @property
    def error(self) -> float:
        """The standard error of the slope, relative; of the digits alone where the line leaves nothing."""
        return self.residual / max(self.signal * math.sqrt(self.count), 1e-30)


def _log_difference(weight_PBNTS: Array, smallest: float = 0.0) -> tuple[Array, Array]:
    """Log weight_a - log weight_b [B, N, T, S], and where both weights are above `smallest`."""
    used_BNTS: Array = np.asarray((weight_PBNTS > smallest).all(axis=0))
    log_PBNTS = np.log(np.where(used_BNTS, weight_PBNTS, 1.0))
    return log_PBNTS[0] - log_PBNTS[1], used_BNTS


def _reach(level: _Level) -> float:
    """The range of log-weight differences in the row where it is largest."""
    return float(_range(*_log_difference(level.weight_PBNTS)).max())


def _range(z_BNTS: Array, used_BNTS: Array) -> Array:
    """How far apart the used numbers of each row are; -inf in a row without any."""
    highest, lowest = np.where(used_BNTS, z_BNTS, -np.inf).max(-1), np.where(used_BNTS, z_BNTS, np.inf).min(-1)
    return np.asarray(highest - lowest)


def _centred(z_BNTS: Array, used_BNTS: Array) -> Array:
    """Less the mean of each row, and 0 where not used."""
    mean_BNT1 = np.where(used_BNTS, z_BNTS, 0.0).sum(axis=-1, keepdims=True)
    mean_BNT1 = mean_BNT1 / used_BNTS.sum(axis=-1, keepdims=True).clip(1)
    return np.where(used_BNTS, z_BNTS - mean_BNT1, 0.0)


def _fit(weight_PBNTS: Array, predicted_PBNTS: Array, over: tuple[int, ...] = (0, 1, 2, 3)) -> _Fit:
    """Fit differences of predicted scores to those of log weights: one slope for all the axes `over`."""
    with np.errstate(over="ignore"):
        half = (weight_PBNTS.astype(np.float16) == weight_PBNTS).all()
    y_BNTS, used_BNTS = _log_difference(weight_PBNTS, SEEN if half else 2.0**-120)
    x_BNTS = _centred(predicted_PBNTS[0] - predicted_PBNTS[1], used_BNTS)
    y_BNTS = _centred(y_BNTS, used_BNTS)
    power = (x_BNTS**2).sum(axis=over, keepdims=True)
    slope = (x_BNTS * y_BNTS).sum(axis=over, keepdims=True) / np.where(power > 0, power, np.inf)
    count = int((used_BNTS.sum(axis=-1) - 1).clip(0).sum())
    residual, signal = (math.sqrt((z**2).sum() / max(count, 1)) for z in (y_BNTS - slope * x_BNTS, y_BNTS))
    return _Fit(slope, float(power.sum()), residual, signal, count, _digits(weight_PBNTS))


def _fits(levels: list[_Level]) -> list[_Fit]:
    """The fits to q.k, without levels that rest on less than the first: float16 leaves few weights at large ones."""
    first, *larger = (_fit(level.weight_PBNTS, level.dot_PBNTS) for level in levels[1:])
    return [first, *(fit for fit in larger if fit.count >= ENOUGH and fit.power > first.power)]


def _drift(fits: list[_Fit]) -> float:
    """How far the slope moves from the first, relatively, in units of what rounding may do."""
    first, *larger = fits
    # 16 standard errors: rounding is no noise, with a bias it repeats itself. Measured: up to 0.4 of what is allowed.
    allowed = (2.0**-9 if first.digits <= 11 else 2.0**-15) + 16 * first.error
    return max((fit.slope.item() / first.slope.item() - 1 for fit in larger), key=abs, default=0.0) / allowed


def _precision(fits: list[_Fit]) -> float:
    """How precisely the factor is known, relatively: 16 standard errors, and what two roundings of it may do."""
    best = min(fits, key=lambda fit: fit.error)
    return 1.5 * 2.0 ** -min(best.digits, 20) + 16 * best.error


# ---- The report of a softmax of a scaled dot product


def _report(probe: _Probe, levels: list[_Level], fits: list[_Fit]) -> ScaleReport:
    """The report of a function whose log weights follow q.k; what the weights of a row sum to decides the rest."""
    slopes = np.array([fit.slope.item() for fit in fits])
    # Of the largest scores, which rounding disturbs least, unless 16 bits leave few weights there.
    scale = float(slopes[-1] if fits[0].digits > 11 else slopes[int(np.argmin([fit.error for fit in fits]))])
    # Scores that are rounded inside are rounded alike at every power of two, but not at three times the size.
    other = _fresh(probe)(3 * levels[1].size)
    again = _fit(other.weight_PBNTS, other.dot_PBNTS)
    precision = _precision(fits) + (2 * abs(again.slope.item() / scale - 1) if again.good else 0.0)
    text = f"softmax of q.k times {_named(scale, probe.names, precision, probe.sizes.d_head)}"
    text += _sink_text(levels, scale)
    added = _added(levels[1], scale)
    if added > 0.05:  # bfloat16 leaves up to 0.02 without a bias
        kind = _added_name(levels[0], scale)
        text += f"; something else is added to the scores, differing by up to {added:.3g} between keys{kind}"
    finding, remarks = _after_softmax(levels, probe.names, scale), []
    if finding is None:
        base = _base(levels, scale)
        _check_prediction(probe, levels, base, scale, fits)
        masks = _masks(probe, levels)
        text += "".join(f"; {mask}" for mask in masks)
        finding, backward = _backward(probe, levels[1], base, scale)
        remarks = [backward, _coarse(scale, precision, probe.sizes.d_head), *_others(probe, levels, scale)]
    verdict = f"{finding.symptom}; {text} -> {str(finding).split(' -> ', 1)[1]}" if finding else text
    error = float(np.abs(slopes / scale - 1).max())
    matching = _matching(scale, probe.names, precision)
    return ScaleReport(
        scale, matching, verdict, error, finding is None, precision, finding, tuple(filter(None, remarks))
    )


def _named(scale: float, names: dict[str, float], precision: float, d_head: int) -> str:
    """A factor and its names: '0.125 = 1/sqrt(d_head)'."""
    found, slips = _matching(scale, names, precision), _matching(scale, _slips(d_head), precision)
    if found:
        return " = ".join([f"{scale:.4g}", *found, *(slips if "1/sqrt(d_head)" not in found else ())])
    is_this = f"; it is {slips[0]}" if slips else ""
    compared = {"1/sqrt(d_head)": names["1/sqrt(d_head)"]} if slips else names
    off, name = min((abs(scale / value - 1), name) for name, value in compared.items() if not math.isnan(value))
    if off <= NEAR:
        value = names[name]
        return (
            f"{scale:.7g}, near {name} = {value:.7g} but not it: {scale / value - 1:+.2%}, known to {precision:.1g}"
            f"{is_this}"
        )
    return f"{scale:.4g}, which has no name here (1/sqrt(d_head) is {names['1/sqrt(d_head)']:.4g}){is_this}"


def _coarse(scale: float, precision: float, d_head: int) -> str:
    """What the precision cannot tell apart from the factor found."""
    if abs(scale * math.sqrt(d_head) - 1) > precision:
        return ""
    alike = [name for name in _matching(scale, _slips(d_head), precision) if "sqrt(d_head " in name]
    if not alike:
        return ""
    return f"not measured: the precision, {precision:.1g}, tells 1/sqrt(d_head) not from {' and '.join(alike)}"


def _after_softmax(levels: list[_Level], names: dict[str, float], scale: float) -> Finding | None:
    """What is wrong behind the softmax, from what the weights of a row sum to."""
    low, high, one = _sums(levels)
    factor = (low + high) / 2
    precision = SUMS
    if _digits(levels[1].weight_PBNTS) > 11 and high - low < 2.0**-15 * high:
        precision = 2.0**-13
        one = abs(factor - 1) < precision
    if one or (high - low > SUMS * high and _has_sink(levels, scale)):
        return None
    if high - low <= SUMS * high:
        return Finding(
            f"scaled after the softmax, by {_plain_name(factor, names, precision)}",
            "the factor is applied to the weights or the output, not to the scores (or dropout's 1/(1 - p) is left on)",
            "scale the scores, before the softmax",
        )
    between = f"a row sums to {low:.3g} to {high:.3g}"
    if _masked_after(levels, scale):
        return Finding(
            f"masked after the softmax: {between}",
            "weights are multiplied by the mask, and the row is not normalised again",
            "mask the scores, with -inf, before the softmax",
        )
    return Finding(
        f"changed after the softmax (a gate, no normalisation?): {between}",
        "a gate, weights that are not divided by the sum of their row, or blocks of keys without one maximum",
        "divide by the sum over the keys; check the function without its gate",
    )


def _plain_name(factor: float, names: dict[str, float], precision: float = SUMS) -> str:
    found = _matching(factor, names, precision)
    return " = ".join([f"{factor:.4g}", *found]) if found else f"{factor:.4g}, which has no name here"


def _masked_after(levels: list[_Level], scale: float) -> bool:
    """Whether visible weights are those of a softmax over all keys, the masked ones too."""
    level = levels[1]
    score = scale * level.dot_PBNTS
    full = np.exp(score - score.max(axis=-1, keepdims=True))
    full /= full.sum(axis=-1, keepdims=True)
    seen = level.weight_PBNTS > SHOWN
    return np.allclose(level.weight_PBNTS[seen], full[seen], rtol=RESIDUAL, atol=2.0**-8)


def _sink_text(levels: list[_Level], scale: float) -> str:
    low, high, one = _sums(levels)
    if one or high - low <= SUMS * high or not _has_sink(levels, scale):
        return ""
    base = _base(levels, scale)
    more_BNT1 = base.sink_BNT1 / base.weight_BNTS.max(axis=-1, keepdims=True).clip(1e-30)
    count = round(float(more_BNT1.max()))
    zeros = (
        f"{count} more keys of 0 (not masked?)"
        if count > 1 and np.abs(more_BNT1 - count).max() < 0.01
        else "one more key"
    )
    return f", with a sink: a row sums to {low:.3g} to {high:.3g}, as beside {zeros} without a value"


def _has_sink(levels: list[_Level], scale: float) -> bool:
    """Whether what rows lack of 1 is the weight of one more key, whose score no query changes."""
    base, digits = _base(levels, scale), _digits(levels[1].weight_PBNTS)
    for level in levels[1:2] if digits <= 11 else levels[1:]:
        score_PBNTS = scale * level.dot_PBNTS
        allowed = SUMS if digits > 11 else 4 * 2.0**-digits * (4 + np.abs(score_PBNTS).max())
        for weight_BNTS, score_BNTS in zip(level.weight_PBNTS, score_PBNTS, strict=True):
            expected = base.weights(score_BNTS).sum(axis=-1)
            if np.abs(weight_BNTS.sum(axis=-1) - expected).max() > allowed:
                return False
    return True


def _added(level: _Level, scale: float) -> float:
    """How far apart in a row log weights less scale * q.k are."""
    seen = level.weight_PBNTS > SEEN
    rest = np.log(np.where(seen, level.weight_PBNTS, 1.0)) - scale * level.dot_PBNTS
    return float(_range(rest, seen).max())


def _added_name(first: _Level, scale: float) -> str:
    """What is added to the scores, if it has a name: 0 and 1, a number for each key, ALiBi."""
    visible_BNTS = _all(first.weight_PBNTS > SHOWN, 0)
    log_BNTS = np.log(np.where(visible_BNTS, first.weight_PBNTS[0], 1.0)) - scale * first.dot_PBNTS[0]
    below_BNTS = np.where(visible_BNTS, log_BNTS, -np.inf).max(axis=-1, keepdims=True) - log_BNTS
    below = below_BNTS[visible_BNTS]
    lower = below > 0.02
    if lower.any() and np.ptp(below[lower]) < 0.02:
        step = float(below[lower].mean())
        weak = (
            "a mask of 0 and 1 that is added? give booleans, or 0 and -inf" if abs(step - 1) < 0.02 else "a weak mask?"
        )
        return f" ({step:.3g} less for some keys: {weak})"
    distance_TS = np.abs(np.arange(log_BNTS.shape[-1]) - np.arange(log_BNTS.shape[-2])[:, None]) + 0.0
    x_BNTS = _centred(np.broadcast_to(distance_TS, log_BNTS.shape), visible_BNTS)
    y_BNTS = _centred(log_BNTS, visible_BNTS)
    power_BN11 = (x_BNTS**2).sum(axis=(2, 3), keepdims=True).clip(1e-30)
    slope_BN11 = (x_BNTS * y_BNTS).sum(axis=(2, 3), keepdims=True) / power_BN11
    straight = np.abs(y_BNTS - slope_BN11 * x_BNTS).max() < 0.05
    if straight:
        sign = ", but it grows with it: the wrong sign?" if slope_BN11.max() > 0 else ""
        return f" (linear in the distance, as ALiBi{sign})"
    used_BNTS = visible_BNTS & visible_BNTS[..., -1:, :]
    if np.abs(_centred(log_BNTS - log_BNTS[..., -1:, :], used_BNTS)).max() < 0.02:
        return " (a bias for each key)"
    return ""


@dataclass(frozen=True)
class _Base:
    """Weights without scores: what is added to the scores, as the softmax of it."""

    weight_BNTS: Array
    sink_BNT1: Array
    """What a row lacks of 1."""

    def weights(self, score_BNTS: Array) -> Array:
        """The weights [B, N, T, S] with `score_BNTS` added; 0 in rows that see no key."""
        with np.errstate(divide="ignore", invalid="ignore"):
            log_BNTS, log_BNT1 = np.log(self.weight_BNTS) + score_BNTS, np.log(self.sink_BNT1)
            top_BNT1 = np.maximum(log_BNTS.max(axis=-1, keepdims=True), log_BNT1)
            weight_BNTS, sink_BNT1 = np.exp(log_BNTS - top_BNT1), np.exp(log_BNT1 - top_BNT1)
            return np.nan_to_num(weight_BNTS / (weight_BNTS.sum(axis=-1, keepdims=True) + sink_BNT1))


def _base(levels: list[_Level], scale: float) -> _Base:
    first, least = levels[0], SUMS if _digits(levels[1].weight_PBNTS) <= 11 else 1e-5
    total_PBNT1 = first.weight_PBNTS.sum(axis=-1, keepdims=True)
    sink_PBNT1 = np.where((1 - total_PBNT1 < least) | (total_PBNT1 == 0), 0.0, 1 - total_PBNT1)
    weight_PBNTS = first.weight_PBNTS * np.exp(-scale * first.dot_PBNTS)  # at large factors, scores are not quite 0
    share_PBNT1 = (weight_PBNTS.sum(axis=-1, keepdims=True) + sink_PBNT1).clip(1e-30)
    return _Base((weight_PBNTS / share_PBNT1).mean(axis=0), (sink_PBNT1 / share_PBNT1).mean(axis=0))


def _check_prediction(probe: _Probe, levels: list[_Level], base: _Base, scale: float, fits: list[_Fit]) -> None:
    """Compare the output for fresh queries, keys and values with that of a softmax of scale * q.k."""
    rng = np.random.default_rng(3)
    query_PBTNH, key_BSMH = _draw(rng, probe.sizes, probe.sizes.tokens)
    value_BSMH = rng.integers(-3, 4, key_BSMH.shape).astype(float)
    size = levels[1].size
    rounding = max(2.0 ** -fits[0].digits, *(fit.residual / fit.signal for fit in fits))
    for factor, query_BTNH in zip((1, 4), query_PBTNH, strict=True):
        query = query_BTNH * size * factor
        output_BTNH = probe.function(query, key_BSMH, value_BSMH)
        score_BNTS = scale * np.einsum("BTNH,BSNH->BNTS", query, key_BSMH[:, :, probe.group_N])
        weight_BNTS = base.weights(score_BNTS)
        predicted_BTNH = np.einsum("BNTS,BSNH->BTNH", weight_BNTS, value_BSMH[:, :, probe.group_N])
        off_BTNH = np.abs(output_BTNH - predicted_BTNH)
        if probe.left_out_BNT is not None:
            off_BTNH[probe.left_out_BNT.swapaxes(1, 2)] = 0.0
        if not np.isfinite(off_BTNH).all():
            continue
        highest = np.abs(score_BNTS).max()
        allowed = max(2.0**-9, 4 * rounding * (4 + highest))
        off = float(off_BTNH.max()) / 3
        if off > allowed:
            raise _OtherError(*(_of_values(probe, levels) or _of_keys_alone(probe, levels) or _unpredicted(off)))


def _unpredicted(off: float) -> Finding:
    return Finding(
        f"the outputs for fresh queries, keys and values differ by {off:.2g} (of the largest value) from those of "
        "the softmax that the weights of others show",
        "the function depends on the data in another way: a threshold, a cache",
        "compare it with a plain softmax(q.k * scale) v at this size",
    )


# ---- Masks


def _masks(probe: _Probe, levels: list[_Level]) -> list[str]:
    """The masks by name, and rows without a key.

    Raises:
      _OtherError: queries see the wrong side.
    """
    visible_BNTS = _all(levels[0].weight_PBNTS > SHOWN, 0)
    judged_BNT = _any(visible_BNTS, -1)
    texts = []
    for b, n in np.ndindex(*visible_BNTS.shape[:2]):
        if judged_BNT[b, n].any():
            texts.append(_mask_name(visible_BNTS[b, n], judged_BNT[b, n]))
    names = [*dict.fromkeys(filter(None, texts))]
    said = [f"masked: {' or '.join(names[:3])}"] if names else []
    return [*said, *_rows_without_keys(probe, judged_BNT)]


def _rows_without_keys(probe: _Probe, judged_BNT: Array) -> list[str]:
    if judged_BNT.all():
        return []
    query_BTNH, key_BSMH = probe.query_PBTNH[0] * SIZES[0], probe.key_BSMH
    weight_BNTS = _weights(probe.function, query_BTNH, key_BSMH)
    kinds = {
        "NaN": np.isnan(weight_BNTS).any(axis=-1),
        "0": (weight_BNTS == 0).all(axis=-1),
        "uniform": (weight_BNTS > 0).all(axis=-1),
    }
    rows = [
        f"{kind} in rows {_listed(np.flatnonzero((is_BNT & ~judged_BNT).any(axis=(0, 1))))}"
        for kind, is_BNT in kinds.items()
        if (is_BNT & ~judged_BNT).any()
    ]
    return [f"rows in which every key is masked are {' and '.join(rows)}"] if rows else []


def _mask_name(visible_TS: Array, judged_T: Array) -> str:
    """The name of the mask of one head; empty if it hides nothing."""
    tokens, keys = visible_TS.shape
    if visible_TS[judged_T].all():
        return ""
    distance_TS = np.arange(keys) - np.arange(tokens)[:, None]
    shown_S = _any(visible_TS, 0)
    low, high = distance_TS[visible_TS].min(), distance_TS[visible_TS].max()
    within_TS = judged_T[:, None] & (distance_TS >= low) & (distance_TS <= high)
    hidden_S = _any(within_TS, 0) & ~shown_S
    padding = f"keys {_listed(np.flatnonzero(hidden_S))}" if hidden_S.any() else ""
    judged_TS = within_TS & shown_S
    if not (visible_TS == judged_TS).all():
        return "some keys of some queries"
    future = low >= 0 and high > 0 and shown_S[: max(2, tokens // 4)].any()
    if future and judged_T.sum() > 2 and keys > 2:
        raise _OtherError(
            "the mask hides the wrong side: queries see only keys after their own position"
            + (" and at it" if low == 0 else ""),
            "a mask that is inverted or transposed (True means masked in one library, visible in another)",
            "let query i see the keys j <= i: np.tril, or ~mask",
        )
    whole_past = low <= -(np.flatnonzero(judged_T).max() - np.flatnonzero(shown_S).min())
    whole_future = high >= np.flatnonzero(shown_S).max() - np.flatnonzero(judged_T).min()
    if whole_past and whole_future:
        return padding
    if whole_past:
        other = f"a query sees keys up to its own {high:+d}"
        side = {0: "causal", -1: "causal, a query does not see itself"}.get(int(high), other)
    else:
        side = f"a window of {high - low + 1} keys, from {low:+d} to {high:+d}"
    return " and ".join(filter(None, [side, padding]))


# ---- The backward pass


def _backward(probe: _Probe, level: _Level, base: _Base, scale: float) -> tuple[Finding | None, str]:
    """Whether gradients follow the forward factor: a finding if not, and a remark."""
    rng = np.random.default_rng(4)
    value_BSMH = rng.integers(-3, 4, probe.key_BSMH.shape).astype(float)
    grad_BTNH = rng.integers(-2, 3, level.query_PBTNH.shape[1:]).astype(float)
    if probe.left_out_BNT is not None:
        grad_BTNH[probe.left_out_BNT.swapaxes(1, 2)] = 0.0
    arrays = (level.query_PBTNH[0], probe.key_BSMH, value_BSMH)
    expected = _gradients(probe, base, scale, arrays, grad_BTNH)
    try:
        kind, found = _native_gradients(probe.function, arrays, grad_BTNH)
    except Exception as error:
        return None, f"not measured: the backward pass ({type(error).__name__}: {' '.join(str(error).split())[:120]})"
    if found is None:
        return None, _differences(probe, level, arrays, grad_BTNH, expected, scale)
    return _judged_gradients(kind, found, expected, scale, _digits(level.weight_PBNTS), probe.left_out_BNT is not None)


def _gradients(
    probe: _Probe, base: _Base, scale: float, arrays: tuple[Array, Array, Array], grad_BTNH: Array
) -> list[Array]:
    """Of sum(grad * output): with respect to query and key for a factor of 1 in the backward pass, and to value."""
    query_BTNH, key_BSMH, value_BSMH = arrays
    key_BSNH, value_BSNH = (x[:, :, probe.group_N] for x in (key_BSMH, value_BSMH))
    weight_BNTS = base.weights(scale * np.einsum("BTNH,BSNH->BNTS", query_BTNH, key_BSNH))
    gain_BNTS = np.einsum("BTNH,BSNH->BNTS", grad_BTNH, value_BSNH)
    score_BNTS = weight_BNTS * (gain_BNTS - (weight_BNTS * gain_BNTS).sum(axis=-1, keepdims=True))
    of_key, of_value = np.zeros_like(key_BSMH), np.zeros_like(value_BSMH)
    for n, m in enumerate(probe.group_N):
        of_key[:, :, m] += np.einsum("BTS,BTH->BSH", score_BNTS[:, n], query_BTNH[:, :, n])
        of_value[:, :, m] += np.einsum("BTS,BTH->BSH", weight_BNTS[:, n], grad_BTNH[:, :, n])
    return [np.einsum("BNTS,BSNH->BTNH", score_BNTS, key_BSNH), of_key, of_value]


def _native_gradients(
    function: _Function, arrays: tuple[Array, Array, Array], grad_BTNH: Array
) -> tuple[str, list[Array] | None]:
    """Gradients by JAX or PyTorch, as `arrays` are laid out; none for arrays of NumPy."""
    made = [function.make(_laid_out(x, function.layout)) for x in arrays]
    kind = _kind(made[0])
    _, order = function.shape(arrays[0].shape)
    grad = _laid_out(grad_BTNH, order)
    if kind == "jax":
        jax = importlib.import_module("jax")

        def output(*qkv: Any) -> Any:
            return function.output(function.returned(*qkv), arrays[0].shape)

        result, pull = jax.vjp(output, *made)
        found = pull(jax.numpy.asarray(grad.reshape(result.shape), result.dtype))
    elif kind == "torch":
        torch = importlib.import_module("torch")
        made = [one.detach().requires_grad_(True) for one in made]
        result = function.output(function.returned(*made), arrays[0].shape)
        grads = torch.as_tensor(grad.reshape(tuple(result.shape)), dtype=result.dtype, device=result.device)
        found = torch.autograd.grad(result, made, grads, allow_unused=True)
        found = [torch.zeros_like(one) if g is None else g for g, one in zip(found, made, strict=True)]
    else:
        return kind, None
    back = [_to_numpy(one) for one in found]
    return kind, [
        (x.swapaxes(1, 2) if function.layout == "BNTH" else x).reshape(a.shape)
        for x, a in zip(back, arrays, strict=True)
    ]


def _judged_gradients(
    kind: str, found: list[Array], expected: list[Array], scale: float, digits: int, lost: bool
) -> tuple[Finding | None, str]:
    if not all(np.isfinite(one).all() for one in found):
        finding = Finding(
            "the gradients are NaN or infinite where the output is finite",
            "-inf in a row in which every key is masked, 0/0, or where() behind an overflow",
            "use a large finite mask, or where() before and behind the softmax",
        )
        return (None, "backward: the gradients are NaN, as rows without a key are") if lost else (finding, "")
    allowed = 2.0**-8 if digits > 11 else 0.06
    for label, one, unit, factor in zip(
        ("queries", "keys", "values"), found, expected, (scale, scale, 1.0), strict=True
    ):
        power = float((unit**2).sum())
        if power == 0:
            continue
        measured = float((one * unit).sum()) / power
        rest = math.sqrt(float(((one - measured * unit) ** 2).sum()) / power)
        if abs(measured - factor) > allowed * abs(factor) or rest > 4 * allowed * abs(factor):
            symptom = f"backward: the gradient for {label} has the factor {measured:.4g}, not {factor:.4g}"
            if rest > 4 * allowed * abs(measured):
                symptom = f"backward: the gradient for {label} is not that of the forward pass"
            return Finding(
                symptom,
                "a backward pass of its own that leaves the factor out or applies it twice, or a stopped gradient",
                "multiply the gradient of the scores by the forward factor once for q and once for k",
            ), ""
    return None, f"backward: the same factor in the gradients for queries and keys ({kind})"


def _differences(
    probe: _Probe,
    level: _Level,
    arrays: tuple[Array, Array, Array],
    grad_BTNH: Array,
    expected: list[Array],
    scale: float,
) -> str:
    """The backward factor by differences of the output, for functions without gradients."""
    if _digits(level.weight_PBNTS) <= 11:
        return "not measured: the backward factor (the precision is too coarse for differences)"
    factors = []
    for i in (0, 1):
        step = np.sign(expected[i]) * np.abs(arrays[i]).max() * 2.0**-6
        outputs = []
        for sign in (1, -1):
            moved = [x + sign * step if j == i else x for j, x in enumerate(arrays)]
            outputs.append(np.nan_to_num(probe.function(*moved)))
        change = float(((outputs[0] - outputs[1]) * grad_BTNH).sum()) / 2
        factors.append(change / max(float((expected[i] * step).sum()), 1e-30))
    if any(abs(factor / scale - 1) > 0.02 for factor in factors):
        return f"not measured: the backward factor (differences give {factors[0]:.4g} and {factors[1]:.4g})"
    return "backward: the same factor in the differences of the output for queries and keys"


# ---- Other sizes


def _others(probe: _Probe, levels: list[_Level], scale: float) -> Iterator[str]:
    """Remarks on other numbers of keys than of queries, and on fewer heads of keys."""
    visible_BNTS = _all(levels[0].weight_PBNTS > SHOWN, 0)
    size = levels[1].size
    for more in (3, -3):
        keys = probe.sizes.tokens + more
        if keys >= 1:
            yield _tried(
                f"{keys} keys for {probe.sizes.tokens} queries",
                functools.partial(_unequal, probe, keys, size, scale, visible_BNTS[0, 0]),
            )
    if probe.sizes.key_heads < probe.sizes.heads:
        yield f"grouped heads: {_groups(probe.group_N, probe.sizes.key_heads)}"
    elif probe.function.layout != "BTH":
        heads = 4 if probe.sizes.free else probe.sizes.heads
        fewer = next((m for m in (heads // 2, 1) if m and m < heads and heads % m == 0), None)
        if fewer:
            yield _tried(f"{heads} heads with {fewer} of keys", functools.partial(_grouped, probe, heads, fewer, size))


def _tried(label: str, measure: Callable[[], str]) -> str:
    try:
        return f"{label}: {measure()}"
    except _OtherError as error:
        return f"{label}: not judged ({error.finding.symptom})"
    except CheckError as error:
        return f"not measured: {label} ({str(error).partition(':')[0][:80]})"


def _unequal(probe: _Probe, keys: int, size: float, scale: float, square_TS: Array) -> str:
    """The factor with another number of keys than of queries, and where a causal mask is aligned."""
    tokens = probe.sizes.tokens
    query_PBTNH, key_BSMH = _draw(np.random.default_rng(5), probe.sizes, keys)
    other = dataclasses.replace(probe, query_PBTNH=query_PBTNH, key_BSMH=key_BSMH, left_out_BNT=None)
    first, level = other(SIZES[0]), other(size)
    lost_BNT = _any(np.isnan(first.weight_PBNTS), (0, -1))
    levels = [dataclasses.replace(one, weight_PBNTS=_zeroed(one.weight_PBNTS, lost_BNT)) for one in (first, level)]
    other, (first, level) = _without_masked_rows(dataclasses.replace(other, left_out_BNT=lost_BNT), levels)
    fit = _fit(level.weight_PBNTS, level.dot_PBNTS)
    if not fit.good:
        return "not a softmax of q.k with one factor" if fit.count >= ENOUGH else "too few visible keys to judge"
    slope = fit.slope.item()
    same = abs(slope / scale - 1) <= max(_precision([fit]), 2.0**-10)
    factor = "the same factor" if same else f"the factor is {slope:.4g} (it depends on the number of keys)"
    visible_BNTS = _all(first.weight_PBNTS > SHOWN, 0)
    alignment = _alignment(visible_BNTS[0, 0], square_TS, keys - tokens)
    rows = _rows_without_keys(other, _any(visible_BNTS, -1))
    return "; ".join([", ".join(filter(None, [factor, alignment])), *rows])


def _alignment(visible_TS: Array, square_TS: Array, more: int) -> str:
    tokens, keys = visible_TS.shape
    distance_TS = np.arange(keys) - np.arange(tokens)[:, None]
    if square_TS.all():
        return "" if visible_TS.all() else "some keys are masked, though none is where there are as many as queries"
    square_distance = np.arange(square_TS.shape[1]) - np.arange(square_TS.shape[0])[:, None]
    high = square_distance[square_TS].max()
    if high == square_distance.max():
        return "masked as with equal numbers"
    rows = visible_TS.any(axis=-1)
    limits = np.where(visible_TS, distance_TS, -keys - tokens).max(axis=-1)
    open_rows = rows & (np.arange(tokens) + max(high, high + more) < keys - 1)
    for name, limit in (("top-left", high), ("bottom-right", high + more)):
        if open_rows.any() and (limits[open_rows] == limit).all():
            return f"causal, aligned {name}"
    return "masks nothing here" if visible_TS.all() else "causal in another alignment"


def _groups(group_N: Array, key_heads: int) -> str:
    heads = len(group_N)
    kind = "another order"
    if key_heads == 1:
        kind = "multi-query"
    elif (group_N == np.arange(heads) // (heads // key_heads)).all():
        kind = "consecutive, as repeat_interleave"
    elif (group_N == np.arange(heads) % key_heads).all():
        kind = "interleaved, as tile or repeat; PyTorch, JAX and transformers group consecutive heads"
    return f"queries' heads use those of keys {_listed(group_N, 16)} ({kind})"


def _grouped(probe: _Probe, heads: int, key_heads: int, size: float) -> str:
    """Which head of keys each head of queries uses where there are fewer of them."""
    sizes = dataclasses.replace(probe.sizes, heads=heads, key_heads=key_heads)
    query_PBTNH, key_BSMH = _draw(np.random.default_rng(6), sizes, sizes.tokens)
    other = _Probe(probe.function, sizes, query_PBTNH, key_BSMH, np.arange(heads) % key_heads, probe.names)
    other = _told_apart(other)
    level = other(size)
    fit = _fit(level.weight_PBNTS, level.dot_PBNTS)
    text = _groups(other.group_N, key_heads)
    return text if fit.good or fit.count < ENOUGH else f"{text}; but scores do not follow these keys"


# ---- Explaining what is no softmax of a scaled dot product


def _reason(probe: _Probe, levels: list[_Level]) -> Finding:
    """Why log weights do not follow q.k: the first explanation that fits; each rules out what comes before it."""
    explanations = (
        _of_values, _exchanged, _constant_scores, _normalised, _twice, _residual, _of_other_keys, _uneven, _capped,
        _rotated, _bilinear,
    )  # fmt: skip
    found = (explain(probe, levels) for explain in explanations)
    return next(filter(None, found), None) or _unexplained(levels)


def _of_values(probe: _Probe, levels: list[_Level]) -> Finding | None:
    """Weights that depend on the values, or differ between the components of a value."""
    rng = np.random.default_rng(8)
    shape = probe.key_BSMH.shape
    one, other = rng.integers(-3, 4, (2, *shape)).astype(float)
    half = np.zeros(shape)
    half[:, ::2] = 1.0
    of_one, of_other, of_both, of_half = (
        np.nan_to_num(probe.function(levels[1].query_PBTNH[0], probe.key_BSMH, value))
        for value in (one, other, one + other, half)
    )
    allowed = max(2.0**-13, 4 * 2.0 ** -_digits(levels[1].weight_PBNTS))
    if np.abs(of_one + of_other - of_both).max() > allowed * np.abs(of_both).max():
        return Finding(
            "the output is not linear in the values",
            "scores that use the values, values that are normalised, or an activation behind the attention",
            "take the scores of queries and keys alone, and sum the values as they are: weights @ v",
        )
    if np.ptp(of_half, axis=-1).max() > allowed * np.abs(of_half).max():
        return Finding(
            "the components of a value get different weights",
            "several heads inside what was given as one",
            "give the d_head of one head, with its layout; where heads are split inside, split them outside",
        )
    return None


def _of_keys_alone(probe: _Probe, levels: list[_Level]) -> Finding | None:
    """Scores of nearly no queries that change with the keys."""
    larger = probe(SIZES[0], 4.0).weight_PBNTS
    used_PBNTS = (larger > SHOWN) & (levels[0].weight_PBNTS > SHOWN)
    ratio_PBNTS = np.log(np.where(used_PBNTS, larger / levels[0].weight_PBNTS.clip(SHOWN), 1.0))
    if np.abs(_centred(ratio_PBNTS, used_PBNTS)).max() < 0.06:
        return None
    return Finding(
        "a term is added to the scores that depends on the keys alone",
        "a bias added to the queries before the product, or a distance |q - k|**2 in place of the product",
        "check the function without that bias, or take q.k",
    )


def _of_other_keys(probe: _Probe, levels: list[_Level]) -> Finding | None:
    """Keys that are replaced one by one: one that moves nothing, or that moves the scores of others."""
    level, before_BNTS = levels[1], levels[1].weight_PBNTS[0]
    if _reach(level) < REACH:
        return None  # no query matters either
    mixed, ignored = [], []
    for s in range(before_BNTS.shape[-1]):
        key_BSMH = probe.key_BSMH.copy()
        key_BSMH[:, s, :, ::2] += 2.0
        after_BNTS = _weights(probe.function, level.query_PBTNH[0], key_BSMH)
        y_BNTS, used_BNTS = _log_difference(np.stack([after_BNTS, before_BNTS]), SHOWN)
        others_BNTS = used_BNTS & (np.arange(before_BNTS.shape[-1]) != s)
        count_BNT1 = others_BNTS.sum(axis=-1, keepdims=True).clip(1)
        mean_BNT1 = np.where(others_BNTS, y_BNTS, 0.0).sum(axis=-1, keepdims=True) / count_BNT1
        moved_BNTS = np.where(used_BNTS, np.abs(y_BNTS - mean_BNT1), 0.0)
        if moved_BNTS[others_BNTS].max(initial=0.0) > (0.01 if _digits(level.weight_PBNTS) > 11 else 0.06):
            mixed.append(s)
        if used_BNTS[..., s].any() and moved_BNTS[..., s].max() < 2.0**-10:
            ignored.append(s)
    if ignored:
        return Finding(
            f"scores do not change with the keys {_listed(ignored)}",
            "keys of an earlier call (a cache that is not updated), or keys that are replaced",
            "use the keys of this call",
        )
    if mixed:
        return Finding(
            f"the scores of other keys change with the keys {_listed(mixed)}",
            "keys or values that are mixed or normalised over the sequence, or blocks of keys without one maximum",
            "take each score from one query and one key, and rescale sums and outputs whenever the maximum rises",
        )
    return None


def _twice(probe: _Probe, levels: list[_Level]) -> Finding | None:
    """Log weights that are themselves a softmax, less a constant."""
    size, level = SIZES[0], levels[0]
    while _reach(level) < 0.3 and size < SIZES[1]:
        size *= 4
        level = probe(size)
    if not (level.weight_PBNTS > SHOWN).all():
        return None
    log_PBNTS = np.log(level.weight_PBNTS)
    inner_PBNTS = log_PBNTS + (1 - log_PBNTS.sum(axis=-1, keepdims=True)) / log_PBNTS.shape[-1]
    fit = _fit(inner_PBNTS.clip(1e-30), level.dot_PBNTS)
    if not fit.good:
        return None
    return Finding(
        f"the softmax is taken twice; the factor of the first is {fit.slope.item():.4g}",
        "weights that are given to a function that takes the softmax again",
        "take the softmax of the scores, once",
    )


def _residual(_: _Probe, levels: list[_Level]) -> Finding | None:
    low, high, _one = _sums(levels)
    more = (low + high) / 2 - 1
    if high - low > SUMS * high or abs(more) <= SUMS:
        return None
    own = more * np.eye(*levels[0].weight_PBNTS.shape[-2:])
    if not all(_fit(level.weight_PBNTS - own, level.dot_PBNTS).good for level in levels[1:3]):
        return None
    return Finding(
        f"the value at a query's own position is added to the output, times {more:.3g}",
        "a residual connection",
        "check the function without it",
    )


def _swapped(_: _Probe, levels: list[_Level]) -> Finding | None:
    if not all(_fit(level.weight_PBNTS, level.dot_PBNTS.swapaxes(-1, -2)).good for level in levels[1:]):
        return None
    return Finding(
        "query and key are swapped: row i holds what key i finds among the queries",
        "arguments in another order, or scores that are transposed",
        "scores = q @ k.T, and call the function with query, key, value",
    )


def _exchanged(probe: _Probe, levels: list[_Level]) -> Finding | None:
    """Scores that follow the queries or keys of another item, head or position."""
    level = levels[1]
    axes = (
        ("items", 0, "batch items are not independent: "),
        ("heads", 2, "heads are not independent: "),
        ("positions", 1, ""),
    )
    for (label, axis, what), kind in itertools.product(axes, ("keys", "queries")):
        count = (level.key_BSNH if kind == "keys" else level.query_PBTNH[0]).shape[axis]
        orders = {f"shifted by {shift}": np.roll(np.arange(count), shift) for shift in range(1, count)}
        orders["reversed"] = np.arange(count)[::-1]
        if label != "positions":
            orders |= {f"those of number {i}": np.full(count, i) for i in range(count)}
        if label == "heads" and (grouped := probe.sizes.key_heads) < count:
            for group_N in (np.arange(count) // (count // grouped), np.arange(count) % grouped):
                source = [int(np.flatnonzero(probe.group_N == m)[0]) for m in group_N]
                orders[f"those that use values {_listed(probe.group_N)} use keys {_listed(group_N)}"] = np.array(source)
        for name, order in orders.items() if count > 1 else ():
            query = np.take(level.query_PBTNH, order, axis + 1) if kind == "queries" else level.query_PBTNH
            key = np.take(level.key_BSNH, order, axis) if kind == "keys" else level.key_BSNH
            if _fit(level.weight_PBNTS, np.einsum("PBTNH,BSNH->PBNTS", query, key)).good:
                return Finding(
                    f"{what}scores follow other {kind}, over the {label} {name}",
                    "a roll, a flip, a broadcast or an index before the scores",
                    "take queries, keys and values of the same item, head and position",
                )
    return None


def _constant_scores(_: _Probe, levels: list[_Level]) -> Finding | None:
    """Keys whose score is a constant, whatever the query: a finite mask value, or rows and keys that ignore q.k."""
    first, level = levels[:2]
    y_BNTS, used_BNTS = _log_difference(level.weight_PBNTS, SHOWN)
    x_BNTS = level.dot_PBNTS[0] - level.dot_PBNTS[1]
    slope = _most_frequent_slope(y_BNTS, x_BNTS, used_BNTS)
    if slope is None:
        return None
    # A key that follows q.k has z = c, one whose score is constant y = c, with one c for each row: the c that most keys
    # of a row agree on, each key's own being a candidate C.
    z_BNTS = y_BNTS - slope * x_BNTS
    allowed = (0.02 if _digits(level.weight_PBNTS) > 11 else 0.08) * max(_reach(level), 0.1)
    candidate_BNTSC = np.stack([np.abs(z_BNTS - c) <= allowed for c in _columns(y_BNTS, z_BNTS)], axis=-1)
    constant_BNTSC = np.stack([np.abs(y_BNTS - c) <= allowed for c in _columns(y_BNTS, z_BNTS)], axis=-1)
    used_BNTS1 = used_BNTS[..., None]
    score_BNT1C = ((candidate_BNTSC | constant_BNTSC) & used_BNTS1).sum(axis=3, keepdims=True)
    best_BNT11 = (score_BNT1C + 0.01 * (candidate_BNTSC & used_BNTS1).sum(axis=3, keepdims=True)).argmax(-1)[..., None]
    follows_BNTS, constant_BNTS = (
        np.take_along_axis(one, np.broadcast_to(best_BNT11, (*one.shape[:4], 1)), axis=-1)[..., 0] & used_BNTS
        for one in (candidate_BNTSC, constant_BNTSC)
    )
    rows_BNT: Array = _all(constant_BNTS | ~used_BNTS, -1) & (_range(slope * x_BNTS, used_BNTS) > 4 * allowed)
    # In a row of equal scores c fits all keys, as it may one key by chance: those may be either.
    follows_BNTS &= ~rows_BNT[..., None]
    maybe_BNTS, constant_BNTS = constant_BNTS, constant_BNTS & ~follows_BNTS
    explained = (follows_BNTS | constant_BNTS).sum() / max(used_BNTS.sum(), 1)
    if explained < 0.97 or not constant_BNTS.any() or follows_BNTS.sum() < ENOUGH:
        return None
    return _constant_reason(
        constant_BNTS, maybe_BNTS, used_BNTS, _constant_value(first, constant_BNTS, follows_BNTS & ~maybe_BNTS)
    )


def _columns(y_BNTS: Array, z_BNTS: Array) -> Iterator[Array]:
    """Candidates [B, N, T, 1] for the constant of each row."""
    for z in (z_BNTS, y_BNTS):
        yield from np.split(z, z.shape[-1], axis=-1)


def _most_frequent_slope(y_BNTS: Array, x_BNTS: Array, used_BNTS: Array) -> float | None:
    """The slope, other than 0, on which most pairs of keys of a row agree."""
    dy, dx = (z[..., :, None] - z[..., None, :] for z in (y_BNTS, x_BNTS))
    pair = (used_BNTS[..., :, None] & used_BNTS[..., None, :]) & (np.abs(dx) > 0.3 * np.abs(dx).max())
    slopes = np.sort(dy[pair] / dx[pair])
    slopes = slopes[np.abs(slopes) > 1e-3 * np.abs(slopes).max(initial=0.0)]
    if slopes.size < ENOUGH:
        return None
    width = 0.005 * np.abs(slopes)
    counts = np.searchsorted(slopes, slopes + width, "right") - np.searchsorted(slopes, slopes - width, "left")
    return float(slopes[counts.argmax()])


def _constant_value(first: _Level, constant_BNTS: Array, follows_BNTS: Array) -> float:
    """The constant score, beside scores of nearly 0; nan where no row has both kinds."""
    log_BNTS = np.log(np.maximum(first.weight_PBNTS[0], 1e-300))
    apart = (log_BNTS[..., :, None] - log_BNTS[..., None, :])[constant_BNTS[..., :, None] & follows_BNTS[..., None, :]]
    return float(np.median(apart)) if apart.size else math.nan


def _constant_reason(constant_BNTS: Array, maybe_BNTS: Array, used_BNTS: Array, value: float) -> Finding:
    rows_BNT: Array = _all(constant_BNTS | ~used_BNTS, -1) & _any(constant_BNTS, -1)
    if rows_BNT.any() and not (constant_BNTS & ~rows_BNT[..., None]).any():
        rows = np.flatnonzero(rows_BNT.any(axis=(0, 1)))
        return Finding(
            f"some query rows ignore q.k: {_listed(rows)}",
            "a padding mask laid on the queries instead of the keys, or rows in which every key has the same score",
            "mask the columns (keys) of the scores: mask[:, None, None, :]",
        )
    apart = constant_BNTS & ~rows_BNT[..., None]
    columns_BNS = _all(maybe_BNTS | ~used_BNTS | rows_BNT[..., None], 2) & _any(apart, 2)
    below = "" if abs(value) < 1 else " (they come back as soon as the others' scores fall below)"
    remedy = "use -inf, or the lowest number of the type (finfo(dtype).min), through where()"
    near = "a mask value of -1e-9, or a mask multiplied in" if abs(value) < 1 else f"a mask value of only {value:.3g}"
    said = (
        f"keep a constant score near {value:.3g}{below}"
        if value < -1e-3 or value > 1e-3
        else "get a constant score near 0"
    )
    if not (apart & ~columns_BNS[:, :, None]).any():
        keys = _listed(np.flatnonzero(columns_BNS.any(axis=(0, 1))))
        return Finding(f"keys {keys} ignore q.k: keys that should be masked {said}", near, remedy)
    return Finding(f"keys that should be masked {said}: the mask hides nothing there", near, remedy)


def _layer_normed(level: _Level) -> _Level:
    query_PBTNH, key_BSNH = (x - x.mean(axis=-1, keepdims=True) for x in (level.query_PBTNH, level.key_BSNH))
    query_PBTNH, key_BSNH = (x / x.std(axis=-1, keepdims=True).clip(1e-30) for x in (query_PBTNH, key_BSNH))
    return _Level(query_PBTNH, key_BSNH, level.weight_PBNTS)


def _normalised(probe: _Probe, _: list[_Level]) -> Finding | None:
    level = probe(1.0)
    query_PBNT1 = np.linalg.norm(level.query_PBTNH, axis=-1).swapaxes(2, 3)[..., None]
    key_BN1S = np.linalg.norm(level.key_BSNH, axis=-1).swapaxes(1, 2)[:, :, None].clip(1e-30)
    for label, length in (("queries and keys", query_PBNT1 * key_BN1S), ("queries", query_PBNT1), ("keys", key_BN1S)):
        if level.finite and (fit := _fit(level.weight_PBNTS, level.dot_PBNTS / length)).good:
            return Finding(
                f"{label} are normalised first; the factor after that is {fit.slope.item():.4g}",
                "QK-norm, RMSNorm or cosine attention",
                "check the function without the norm, or compare that factor",
            )
    if level.finite and (fit := _fit(level.weight_PBNTS, _layer_normed(level).dot_PBNTS)).good:
        return Finding(
            f"queries and keys are normalised first, less their mean; the factor after that is {fit.slope.item():.4g}",
            "LayerNorm of queries and keys",
            "check the function without the norm, or compare that factor",
        )
    return None


def _uneven(probe: _Probe, levels: list[_Level]) -> Finding | None:
    """A slope for each item, head, query or row that differs from the others' also with other queries and keys."""
    judged = [levels[1], _fresh(probe)(levels[1].size), *levels[2:3]]
    for label, over in (("batch items", (1, 2, 3)), ("heads", (0, 2, 3)), ("queries", (0, 1, 3)), ("rows", (3,))):
        fits = [_fit(level.weight_PBNTS, level.dot_PBNTS, over) for level in judged]
        if not all(fit.good for fit in fits):
            continue
        known = fits[0].slope != 0  # not so for a query that sees one key
        slopes, *others = (fit.slope[known] for fit in fits)
        # A softcap moves slopes more, between magnitudes, than it parts them; rounding moves them by their errors.
        least = 8 * fits[0].error * math.sqrt(slopes.size) * np.abs(slopes).max()
        if np.ptp(slopes) > max(least, *(4 * np.abs(later - slopes).max() for later in others)):
            return Finding(
                f"the factor differs between {label}, from {slopes.min():.4g} to {slopes.max():.4g}",
                f"a factor for each of the {label}: a learned temperature, log n of the position, a wrong broadcast",
                "check one of them at a time, or use one factor",
            )
    return None


def _capped(probe: _Probe, levels: list[_Level]) -> Finding | None:
    """One factor for small scores, others for larger ones."""
    first, *larger = _fits(levels)
    size, small = levels[1].size, levels[1]
    while _reach(small) > _reach(levels[1]) / 16 and size > SIZES[0]:
        size /= 4
        small = probe(size)
    fit = _fit(small.weight_PBNTS, small.dot_PBNTS)
    if fit.residual > RESIDUAL * fit.signal:
        if not first.good or fit.digits > 11:
            return None
        fit = first  # in 16 bits the smallest differences are not sharp
    if not fit.good or not larger or not _sums(levels[1:])[2]:
        return None
    slope = fit.slope.item()
    other = max((one.slope.item() for one in larger), key=lambda one: abs(one - slope))
    if abs(other / slope - 1) <= 2 * fit.residual / fit.signal:
        return None
    falls = abs(other) < abs(slope)
    change = "falls with magnitude, as under a softcap" if falls else "grows with magnitude"
    named = _plain_name(slope, probe.names)
    return Finding(
        f"the factor {change}: {named} for small scores, {other:.4g} for large ones",
        "a softcap, tanh or a clip of the scores" if falls else "scores that are not linear in q.k, or not exp of them",
        "check the function with the cap off, or count the cap in where scores are compared",
    )


def _rotated(probe: _Probe, levels: list[_Level]) -> Finding | None:
    """Whether equal queries and equal keys at all positions get different weights: a rotation by position."""
    size = levels[1].size
    alike = dataclasses.replace(
        probe,
        query_PBTNH=np.broadcast_to(probe.query_PBTNH[:, :, :1], probe.query_PBTNH.shape).copy(),
        key_BSMH=np.broadcast_to(probe.key_BSMH[:, :1], probe.key_BSMH.shape).copy(),
    )
    level, queries_alike = alike(size), dataclasses.replace(alike, key_BSMH=probe.key_BSMH)(size)
    if not (level.finite and queries_alike.finite):
        return None
    y_BNTS, used_BNTS = _log_difference(level.weight_PBNTS, SHOWN)
    moved = np.abs(_centred(y_BNTS, used_BNTS)).max()
    y_BNTS, used_BNTS = _log_difference(queries_alike.weight_PBNTS, SHOWN)
    used_BNTS = used_BNTS & used_BNTS[..., -1:, :]
    moved = max(moved, np.abs(_centred(y_BNTS - y_BNTS[..., -1:, :], used_BNTS)).max())
    if moved < max(0.1 * min(_reach(levels[1]), 1.0), 0.05):
        return None
    return Finding(
        "the score of a query and a key depends on their positions",
        "RoPE or another rotation by position inside",
        "check the function without it: rotate queries and keys before",
    )


def _bilinear(probe: _Probe, levels: list[_Level]) -> Finding | None:
    """Whether one vector more in all queries, or in all keys, leaves a row's log-weight differences as they are."""
    size = 4 * levels[1].size
    level = probe(size)
    rng = np.random.default_rng(9)
    query_BTNH = rng.choice([-1.0, 1.0], probe.query_PBTNH.shape[1:])
    key_B1MH = rng.choice([-1.0, 1.0], probe.key_BSMH[:, :1].shape)
    more_queries = dataclasses.replace(probe, query_PBTNH=probe.query_PBTNH + query_BTNH)
    more_keys = dataclasses.replace(probe, key_BSMH=probe.key_BSMH + key_B1MH)
    before_BNTS, used_BNTS = _log_difference(level.weight_PBNTS, SHOWN)
    fit = _fit(level.weight_PBNTS, level.dot_PBNTS)
    for other in (more_queries(size), more_keys(size)):
        after_BNTS, shown_BNTS = _log_difference(other.weight_PBNTS, SHOWN)
        used_BNTS = used_BNTS & shown_BNTS
        if not other.finite or np.abs(_centred(after_BNTS - before_BNTS, used_BNTS)).max() >= fit.residual:
            return None
    return Finding(
        f"scores are linear in queries and keys, but {fit.residual / fit.signal:.1%} of them is no multiple of q.k",
        "a projection inside, components of q and k in different orders, or components that are weighted or left out",
        "check the function without its projections, and compare its scores with q @ k.T",
    )


def _unexplained(levels: list[_Level]) -> Finding:
    if _reach(levels[1]) < REACH:
        return Finding(
            f"log weights change by {_reach(levels[1]):.2g} at most, however large the queries",
            "scores that do not use q.k: queries or keys are replaced, zeroed or squashed",
            "print the scores of two different queries",
        )
    fits = _fits(levels)
    share = max(fit.residual for fit in fits) / max(fit.signal for fit in fits)
    low, high, one = _sums(levels[1:])
    sums = "" if one else f"; the weights of a row sum to {low:.3g} to {high:.3g}"
    return Finding(
        f"log weights differ by {share:.0%} from every multiple of q.k{sums}",
        "queries or keys that are rounded, as to 8 bits, or scores that are capped"
        if share < 0.1
        else "linear or sigmoid attention, or another function of the scores in place of exp",
        "compare the scores with q @ k.T",
    )
