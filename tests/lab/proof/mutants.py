"""Claims that are changed on purpose: by a factor, a transpose, another symbol, a term or a factor more or less."""

from dataclasses import replace

from minidl.lab.proof.formula import Formula, as_formula, inside, ones

NUMBERS = (2, 3, 4, 5, -1)


def mutants(claim, forward, wrt, upstream):
    """Yield changed claims of the same shape, each with what was done to it; some may happen to be right still."""
    sizes = sorted({size for formula in inside(claim, forward) for size in formula.shape} - {"1"})
    for size in sizes:
        count = ones(size).T @ ones(size)
        yield f"times {size}", claim * count
        yield f"over {size}", claim / count
        for number in NUMBERS[:4]:
            yield f"times {size} / {number}", claim * count / number
            yield f"times {size} - {number - 1}", claim * (count - (number - 1))
    for number in NUMBERS:
        yield f"times {number}", claim * number
        yield f"over {number}", claim / number
    symbols = [
        part
        for part in dict.fromkeys(inside(forward, wrt, *(() if upstream is None else (upstream,))))
        if part.op == "symbol"
    ]
    for symbol in symbols:
        if symbol.shape == claim.shape:
            yield f"plus {symbol}", claim + symbol
    yield "plus 1", claim + 1
    for path, part in _places(claim):
        for what, other in _others(part, symbols):
            yield f"{part}: {what}", _with(claim, path, other)


def _places(formula, path=()):
    yield path, formula
    for k, part in enumerate(formula.args):
        if isinstance(part, Formula) and formula.op != "name":
            yield from _places(part, (*path, k))


def _with(formula, path, other):
    if not path:
        return other
    k, *rest = path
    args = list(formula.args)
    args[k] = _with(args[k], rest, other)
    return replace(formula, args=tuple(args))


def _others(part, symbols):
    """Yield what may stand in the place of a part: something of the same shape."""
    parts = [inner for inner in part.args if isinstance(inner, Formula)]
    for inner in parts:
        if inner.shape == part.shape:
            yield f"only {inner}", inner
    if part.shape[0] == part.shape[1] != "1":
        yield "transposed", part.T
    if part.op == "symbol":
        for symbol in symbols:
            if symbol is not part and symbol.shape == part.shape:
                yield f"{symbol} instead", symbol
    if part.op == "@" and part.args[0].shape == part.args[1].shape:
        yield "exchanged", part.args[1] @ part.args[0]
    if part.op in "+-":
        yield "other sign", replace(part, op="-" if part.op == "+" else "+")
    if part.op == "/":
        yield "multiplied", part.args[0] * part.args[1]
    if part.op == "**":
        yield "another power", part.args[0] ** (part.args[1] + as_formula(1))
    if part.op in ("relu", "tanh", "sigmoid", "exp", "sign", "step"):
        yield "negative", replace(part, args=(-part.args[0],))
    if part.op in ("number", "ones", "symbol", "name"):
        yield "twice", 2 * part
