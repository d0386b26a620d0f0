"""The matching of a recipe's declared needs, and what planning knows while it goes on."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from association.blocks import Block, Step, Unplanned
from association.candidates import Candidates
from association.decisions import Match, Request
from association.match import match
from association.records import CalibRecord
from association.rules import EVENTS, RULES, Event, Rule, rule_for
from pipeline.spec import Recipe

Planned = tuple[Step, tuple[str, ...], tuple[str, ...]]
"""A step, what it lacks, and remarks."""


@dataclass(slots=True)
class Planner:
    """What planning knows while it goes on: calibrations, rules, recipes."""

    recipes: Mapping[str, Recipe]
    candidates: Candidates
    real: Mapping[tuple[str, str, int | None], CalibRecord]
    refused: Collection[str]
    rules: Sequence[Rule] = RULES
    events: Sequence[Event] = EVENTS
    unplanned: list[Unplanned] = field(default_factory=list)

    def associate(
        self, recipe: str, request: Request, given: Collection[str] = ()
    ) -> tuple[tuple[Match, ...], tuple[str, ...], tuple[str, ...]]:
        """Match all calibrations that a recipe declares, except those ``given``.

        Returns
        -------
        matches : tuple of Match
            One for each declared input that has a rule.
        missing : tuple of str
            Required inputs that no calibration could be found for.
        notes : tuple of str
            Optional ones that are not there, and IFUs on fallback masters.
        """
        matches: list[Match] = []
        missing: list[str] = []
        notes: list[str] = []
        for need in self.recipes[recipe].inputs:
            rule = rule_for(need.tag, request.role, self.rules)
            if rule is None or need.tag in given:
                continue
            if rule.same_geometry:
                request = _with_geometry(self, request)
            found = match(request, rule, self.candidates, self.events)
            if found.chosen or not need.optional:
                matches.append(found)
            if found.missing and not need.optional:
                missing.append(explain(found))
            elif found.missing and rule.scored:
                notes.append(f"without {explain(found)}")
            if found.fallbacks:
                notes.append(
                    f"{need.tag} of another block for IFU {ifu_ranges(found.fallbacks)}"
                )
        return tuple(matches), tuple(missing), tuple(notes)

    def promise(self, block: Block) -> None:
        """Offer the masters of a complete block: the real ones, else virtual ones."""
        for promised in block.promises:
            key = (block.name, promised.tag, promised.ifu)
            if block.name in self.refused or promised.name in self.refused:
                continue
            if key not in self.real and not block.missing:
                self.candidates.add(promised)


def _with_geometry(planner: Planner, request: Request) -> Request:
    """Return the request with the geometry table that its frames will be given."""
    rule = rule_for("GEOMETRY_TABLE", request.role, planner.rules)
    if request.geometry or rule is None:
        return request
    found = match(request, rule, planner.candidates, planner.events)
    name = (
        found.chosen[0].record.geometry or found.chosen[0].record.name
        if found.chosen
        else ""
    )
    return replace(request, geometry=name)


def explain(found: Match) -> str:
    """Say what is missing and why the nearest candidates were not taken."""
    where = "" if found.missing == (0,) else f" for IFU {ifu_ranges(found.missing)}"
    nearest = sorted(found.rejected, key=lambda r: (abs(r.dt_d), r.name))[:2]
    why = "; ".join(f"{r.name}: {r.reason}" for r in nearest)
    return f"{found.tag}{where}" + (f" ({why})" if why else " (there is none)")


def ifu_ranges(ifus: Sequence[int]) -> str:
    """Write IFUs as ranges: ``1-5, 7``."""
    parts: list[list[int]] = []
    for ifu in ifus:
        if parts and ifu == parts[-1][-1] + 1:
            parts[-1].append(ifu)
        else:
            parts.append([ifu])
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts)


def once(texts: Iterable[str]) -> tuple[str, ...]:
    """Drop repetitions, keeping the order."""
    return tuple(dict.fromkeys(texts))
