"""Certification: all green goes through by itself, anything else waits for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from qc.scores import Score, tally

Status = Literal["certified", "review"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The decision of the machine: ``certified`` (AUTO), or ``review`` and why."""

    status: Status
    n_red: int
    n_total: int
    reasons: tuple[str, ...]

    @property
    def comment(self) -> str:
        """Say it in a line, for the AB monitor."""
        if self.status == "certified":
            return f"AUTO: {self.n_red}/{self.n_total}"
        return "; ".join(self.reasons)


def certify(scores: Sequence[Score], problems: Sequence[str] = ()) -> Certificate:
    """Decide on the products of one block (of one IFU where each has its own).

    Parameters
    ----------
    scores : sequence of Score
        Scores of all these products.
    problems : sequence of str
        What else is wrong (a recipe's warnings, red process flags).

    Notes
    -----
    Without a single judged number nothing is certified automatically: no news is not
    good news. Products without limits of their own (a TRACE_TABLE's residuals, say) are
    certified with the others of their block.
    """
    count = tally(scores)
    reasons = [s.text for s in scores if s.verdict == "red"] + list(problems)
    if count.n_total == 0:
        reasons.append("no number of this block has a limit to be judged by")
    status: Status = "review" if reasons else "certified"
    return Certificate(status, count.n_red, count.n_total, tuple(reasons))
