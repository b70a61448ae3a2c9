"""`uniser effects check`: the contract of an effect, rule by rule, each failure with value, rule and remedy."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from uniser_core import check_rules as rules
from uniser_core.check_probe import Probe
from uniser_core.errors import UniserError
from uniser_core.registry import effect_names, get_effect, load_plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from uniser_core.effect import Effect

RULES: tuple[tuple[str, Callable[[Probe], str]], ...] = (
    ("declares", rules.declares),
    ("draws", rules.draws),
    ("params", rules.params_round_trip),
    ("pure", rules.pure),
    ("no global random", rules.no_global_random),
    ("other processes", rules.other_processes),
    ("linear light", rules.linear_light),
    ("needs", rules.needs_honoured),
    ("rows", rules.stored_rows),
    ("8 bits", rules.fused),
    ("sizes", rules.sizes),
)
# Where these fail, the others would only say the same again.
GROUNDS = ("declares", "draws")
OURS = ("uniser_core/check_", "uniser_core/effect_check")


@dataclass(frozen=True)
class Finding:
    """What came of one rule: `result` is ok, note, FAILED or skipped."""

    rule: str
    result: str
    detail: str
    breach: tuple[str, str, str] | None = None


@dataclass
class CheckReport:
    """What came of all rules for one effect."""

    effect: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether no rule failed."""
        return all(f.result in ("ok", "note") for f in self.findings)

    def lines(self) -> list[str]:
        """For people: the effect, the rule, what came of it."""
        verdict = "keeps the contract" if self.passed else "breaks the contract"
        return [
            *(f"{self.effect}  {f.rule:<16}  {f.result:<6}  {f.detail}" for f in self.findings),
            f"{self.effect}  {verdict}",
        ]

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        names = ("value", "rule", "remedy")
        return {
            "effect": self.effect,
            "passed": self.passed,
            "findings": [
                {"check": f.rule, "result": f.result, "detail": f.detail}
                | (dict(zip(names, f.breach, strict=True)) if f.breach else {})
                for f in self.findings
            ],
        }


def targets(target: str | None) -> Iterator[tuple[str, UniserError | None]]:
    """Names of the effects meant by a .py file, a name, or None for all; with what hinders finding them."""
    if target is None:
        yield from ((name, None) for name in effect_names())
    elif target.endswith(".py"):
        try:
            names = load_plugin(target)
        except UniserError as error:
            yield target, error
            return
        if not names:
            yield target, UniserError(target, "registers no effect", 'put @effect("name") on its class')
        yield from ((name, None) for name in names)
    else:
        yield target, None


def check_effects(
    wanted: Iterable[tuple[str, UniserError | None]], largest_hw: tuple[int, int]
) -> Iterator[CheckReport]:
    """A report for each effect; one that does not load is reported, too."""
    for name, hindrance in wanted:
        try:
            if hindrance is not None:
                raise hindrance
            effect = get_effect(name)
        except UniserError as error:
            yield CheckReport(name, [_failed("loads", error.value, error.rule, error.remedy)])
            continue
        yield check_effect(effect, largest_hw)


def check_effect(effect: Effect, largest_hw: tuple[int, int] = (2160, 3840)) -> CheckReport:
    """Try every rule on one effect, on pictures of up to `largest_hw` (height, width)."""
    report, probe = CheckReport(effect.name), Probe(effect, largest_hw)
    for name, rule in RULES:
        finding = _tried(name, rule, probe)
        report.findings.append(finding)
        if finding.result == "FAILED" and name in GROUNDS:
            break
    return report


def _tried(name: str, rule: Callable[[Probe], str], probe: Probe) -> Finding:
    try:
        said = rule(probe)
    except UniserError as error:
        return _failed(name, error.value, error.rule, error.remedy)
    except Exception as error:  # whatever an effect raises is a finding
        return _failed(name, f"{type(error).__name__}: {error}{_where(error)}", "sample() and apply() do not raise",
                       "mend it there")  # fmt: skip
    if said.startswith("note: "):
        return Finding(name, "note", said.removeprefix("note: "))
    return Finding(name, "ok", said)


def _failed(name: str, value: str, rule: str, remedy: str) -> Finding:
    return Finding(name, "FAILED", str(UniserError(value, rule, remedy)), (value, rule, remedy))


def _where(error: Exception) -> str:
    """The innermost line of the effect's own file."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename and not any(o in f.filename for o in OURS)]
    return f" at {own[-1].filename}:{own[-1].lineno}" if own else ""
