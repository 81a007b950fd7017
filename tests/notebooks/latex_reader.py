"""Reads the LaTeX of the notebooks as mathematics, to compare formulas whatever way they are written."""

import re

import sympy

NAME = r"[A-Za-z](?:\^\{\(\d\)\})?(?:_\{[^{}]*\}|_\w)?"
SLOPE = re.compile(
    rf"\\frac\{{\\partial ({NAME})\}}\{{\\partial ({NAME})\}}|\\partial\s*({NAME})\s*/\s*\\partial\s*({NAME})"
    rf"|\\frac\{{d({NAME})\}}\{{d({NAME})\}}|(?<![A-Za-z\\])d({NAME})/d({NAME})"
)
TOKEN = re.compile(r"\s*(∂\[[^\]]*\]|\\[A-Za-z]+|\d+(?:\.\d+)?|\S)")


class UnreadableError(ValueError):
    """LaTeX that is no formula, or holds something that the reader does not know."""


def name_of(text: str) -> str:
    return re.sub(r"[{}\s]", "", text)


def with_slopes(text: str) -> str:
    """Write each derivative of one name with respect to another as one token."""
    return SLOPE.sub(lambda found: "∂[{}/{}]".format(*(name_of(name) for name in found.groups() if name)), text)


def symbol(name: str) -> sympy.Symbol:
    """Return a number for a small letter, and for a capital a matrix, which does not change places in a product."""
    last = name.removeprefix("∂[").removesuffix("]").split("/")[-1]
    return sympy.Symbol(name, commutative=not (last[0].isupper() or last == "𝟏"))


def applied(function: str, argument: sympy.Expr) -> sympy.Expr:
    return sympy.Function(function, commutative=argument.is_commutative)(argument)


class Entrywise(sympy.Function):
    """A product entry by entry: the order of its factors does not count."""

    is_commutative = False

    @classmethod
    def eval(cls, *factors: sympy.Expr) -> sympy.Expr | None:
        in_order = sorted(factors, key=str)
        return None if in_order == list(factors) else cls(*in_order)


class Reader:
    """Reads LaTeX as mathematics: the order of numbers in a product does not count, that of matrices does."""

    def __init__(self, text: str) -> None:
        if r"\frac{d}" in text:
            raise UnreadableError(text)
        text = with_slopes(text).replace(r"\mathbf{1}", "𝟏").replace(r"\left|", "⟨").replace(r"\right|", "⟩")
        text = re.sub(r"\\(?:[,;!]|(?:left|right|cdot)(?![A-Za-z]))", " ", text)
        text = re.sub(r"\\frac(\d)(\d)", r"\\frac{\1}{\2}", text)
        self.tokens = TOKEN.findall(text)

    def read(self) -> sympy.Expr:
        value = self.sum()
        if self.tokens:
            raise UnreadableError(" ".join(self.tokens))
        return value

    def ahead(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def take(self, expected: str = "") -> str:
        if not self.tokens or expected not in ("", self.tokens[0]):
            raise UnreadableError(f"expected {expected or 'more'}, got {self.ahead() or 'the end'}")
        return self.tokens.pop(0)

    def sum(self) -> sympy.Expr:
        total = sympy.Integer(0) if self.ahead() == "-" else self.entrywise()
        while self.ahead() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            total += sign * self.entrywise()
        return total

    def entrywise(self) -> sympy.Expr:
        factors = [self.product()]
        while self.ahead() == r"\odot":
            self.take()
            factors.append(self.product())
        return Entrywise(*factors) if factors[1:] else factors[0]

    def product(self) -> sympy.Expr:
        value = self.power()
        while self.ahead() not in ("", "+", "-", ")", "]", "}", "⟩", ">", ",", r"\odot"):
            if self.ahead() == "/":
                self.take()
                value /= self.power()
            else:
                value *= self.power()
        return value

    def until(self, *ends: str) -> sympy.Expr:
        value = self.sum()
        for end in ends:
            self.take(end)
        return value

    def power(self) -> sympy.Expr:
        value = self.atom()
        while self.ahead() == "^":
            self.take()
            exponent = self.group()
            if exponent == [r"\top"]:
                value = applied("transpose", value)
            elif exponent[0] == r"\circ":
                value = applied(f"power{exponent[1]}", value)
            else:
                value **= self.inner(exponent)
        return value

    def group(self) -> list[str]:
        """Take what stands in braces, or one token."""
        tokens, depth = [self.take()], 1
        if tokens[0] != "{":
            return tokens
        while depth:
            tokens.append(self.take())
            depth += {"{": 1, "}": -1}.get(tokens[-1], 0)
        return tokens[1:-1]

    def inner(self, tokens: list[str] | None = None) -> sympy.Expr:
        reader = Reader("")
        reader.tokens = self.group() if tokens is None else tokens
        return reader.read()

    def atom(self) -> sympy.Expr:
        token = self.take()
        if token[0].isdigit():
            return sympy.Rational(token)
        if token[0] in "∂𝟏":
            return symbol(token)
        if token == "(":
            return self.until(")")
        if token == "[":
            return applied("step", self.until(">", "0", "]"))
        if token == "⟨":
            return applied("abs", self.until("⟩"))
        if token == r"\frac":
            return self.inner() / self.inner()
        if token == r"\sum":
            self.take("_")
            over = "".join(self.group())
            return sympy.Function("sum")(self.product(), sympy.Symbol(over))
        if token == r"\max":
            for expected in ("(", "0", ","):
                self.take(expected)
            return applied("relu", self.until(")"))
        if token == "e" and self.ahead() == "^":
            self.take()
            return sympy.exp(self.inner())
        if token in (r"\tanh", r"\sigma"):
            self.take("(")
            value = self.until(")")
            return sympy.tanh(value) if token == r"\tanh" and value.is_commutative else applied(token[1:], value)
        if token == r"\operatorname":
            name = "".join(self.group())
            self.take("(")
            return applied(name, self.until(")"))
        if token == r"\bar":
            return symbol(token + "".join(self.group()))
        if re.fullmatch(r"[A-Za-z]|\\(eta|lambda)", token):
            return symbol(token + self.suffix())
        raise UnreadableError(token)

    def suffix(self) -> str:
        """Take what belongs to a name: primes, the number of the layer, the index."""
        found = ""
        while self.ahead() in ("'", "_") or self.tokens[:3] == ["^", "{", "("]:
            kind = self.take()
            found += kind if kind == "'" else kind + "".join(self.group())
        return found


def read(text: str) -> sympy.Expr:
    return Reader(text).read()
