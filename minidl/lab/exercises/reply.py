"""What a check replies: not done yet, right, or not right yet."""

from __future__ import annotations

import html

from minidl.lab.doctor import Diagnosis, card, paragraph
from minidl.lab.proof import Proof
from minidl.lab.show import SideBySide

DOTS = "replace the dots in the cell above, run it, then run this cell again."
WRITE = "write {} in the cell above, run it, then run this cell again."
NAMELESS = ", in a way that I know no name for"
RUN = "run the exercise's cell first, then this one."


class NotDone(Exception):  # noqa: N818
    """The stub is as it was; the text says what there is to do."""


class Wrong(Exception):  # noqa: N818
    """The answer is not right; the text says what is wrong with it.

    Attributes
    ----------
    diagnosis : Diagnosis or None
        What the doctor said, where it was asked.
    certain : bool
        Whether that is all there is to say, whatever the answer does.
    hinted : bool
        Whether the exercise's hint belongs to it: not where what the hint is about is right already.
    """

    def __init__(
        self, text: str, diagnosis: Diagnosis | None = None, certain: bool = False, hinted: bool = True
    ) -> None:
        super().__init__(text)
        self.diagnosis, self.certain, self.hinted = diagnosis, certain, hinted


class Reply:
    """The answer to an answer: Jupyter shows it at the end of a check cell. Truthy when the exercise is solved.

    Attributes
    ----------
    status : {"not done", "wrong", "right"}
    text : str
        What ``print(reply)`` shows.
    diagnosis : Diagnosis or None
        What the doctor said, where it was asked.
    proof : Proof or None
        What the prover proved, where it was asked.
    beside : SideBySide or None
        The answer's source and minidl's own, for a right answer.
    about : str
        Sentences on that.
    """

    def __init__(
        self,
        status: str,
        text: str,
        diagnosis: Diagnosis | None = None,
        proof: Proof | None = None,
        beside: SideBySide | None = None,
        about: str = "",
    ) -> None:
        self.status, self.text, self.diagnosis, self.proof = status, text, diagnosis, proof
        self.beside, self.about = beside, about

    def __bool__(self) -> bool:
        return self.status == "right"

    def __repr__(self) -> str:
        return self.text if self.beside is None else f"{self.text}\n\n{self.beside}\n{self.about}"

    def _repr_html_(self) -> str:
        title, colon, rest = self.text.partition(": ")
        picture = self.diagnosis._repr_html_() if self.diagnosis is not None and self.status == "wrong" else ""
        if NAMELESS not in self.text:  # the text knows more than the doctor does
            picture = picture.replace("<b>unnamed</b>: ", "").replace(NAMELESS, "")
        return (
            card(self.status, title + colon.rstrip(), paragraph(rest))
            + (f"<details><summary>what was measured</summary>{picture}</details>" if picture else "")
            + (html.escape(self.proof.latex) if self.proof is not None else "")
            + (self._beside_html() if self.beside is not None else "")
        )

    def _beside_html(self) -> str:
        """Return both sources, folded, below what is said of them."""
        assert self.beside is not None
        head = "<summary>yours, and minidl's own</summary>"
        return f"<details>{head}<p>{html.escape(self.about)}</p>{self.beside._repr_html_()}</details>"


def not_done(name: str, what: str) -> Reply:
    """Return the reply to an untouched stub: what there is to do."""
    return Reply("not done", f"Not done yet ({name}): {what}")


def right(
    name: str,
    judged: str,
    copied: bool = False,
    proof: Proof | None = None,
    beside: SideBySide | None = None,
    about: str = "",
    remark: str = "",
) -> Reply:
    """Return the reply to a right answer: what was judged, a remark, whether it is a copy, and minidl's own."""
    text = f"Right! {name}: {judged}." + (f"\n{remark}" if remark else "")
    if copied:
        text += "\nWord for word, it is the solution's own code. If you copied it, write yours: there is the learning."
    return Reply("right", text, proof=proof, beside=beside, about=about)


def wrong(name: str, what: str, hint: str, diagnosis: Diagnosis | None = None) -> Reply:
    """Return the reply to another answer: what is wrong with it, and the exercise's hint."""
    return Reply("wrong", f"Not right yet ({name}): {what}" + (f"\n{hint}" if hint else ""), diagnosis)
