"""Rule text about equations to what judges them."""

from collections.abc import Sequence

from esr.equations import Expression, PrimitiveSet
from esr.rules.faults import EvaluationError, Faults
from esr.rules.names import Names
from esr.rules.program import RuleProgram
from esr.rules.tree import AxisLine, CountLine, InputLine, OneLine, RuleLine, names_in
from esr.rules.values import Values
from esr.search.expression_rules.builder import is_every_node, pattern_of
from esr.search.expression_rules.pattern import Pattern
from esr.search.expression_rules.possible import require_possible
from esr.search.expression_rules.tree import RELATIONS, Tree
from esr.search.expression_rules.vocabulary import Vocabulary, shape_of

__all__ = ["EquationRules", "compile_rules"]

_STANDARD = "equation"
_NODES = "nodes"
_INPUTS = ", ".join(RELATIONS)
_TRIED_SIZES = range(1, 33)
"""Numbers of nodes that rules are computed for at once where they depend on it, so that what
cannot be computed is told before a search begins."""
_REMEMBERED = 100_000


def compile_rules(
    text: str, variables: Sequence[str], primitives: PrimitiveSet
) -> "EquationRules":
    """Rules about equations, as `docs/rules.md` describes them.

    Arguments:
        text: Statements of the rule language, which `standard:equation` precedes. It is never
            executed.
        variables: Names of the variables.
        primitives: Functions that may occur. Operators always may.
    Raises:
        RuleError: If there are faults; all of them are shown.
        ConfigurationError: If rules cannot all hold, which it names, or if a variable has the
            name of another symbol.
    """
    return EquationRules(text, variables, primitives)


class EquationRules:
    """Judges equations by the symbols and the shape of their trees; constants do not matter.

    Arguments:
        text: As `compile_rules` takes it.
        variables: Names of the variables.
        primitives: Functions that may occur.
    Raises:
        RuleError: If there are faults.
        ConfigurationError: If rules cannot all hold or a name is taken.
    """

    def __init__(self, text: str, variables: Sequence[str], primitives: PrimitiveSet) -> None:
        self._arguments = (text, tuple(variables), primitives)
        vocabulary = Vocabulary.of(variables, primitives)
        self._program = RuleProgram.parse(
            text, include=_STANDARD, axes={"symbol": vocabulary.symbols}, sets=vocabulary.sets
        )
        names = self._program.names
        _require_fitting(names)
        self._moving = _moving(names)
        rules = {n: r for n, r in names.rules.items() if not isinstance(r, OneLine)}
        self._sized = {n: r for n, r in rules.items() if _depends(r, self._moving)}
        fixed = {n: r for n, r in rules.items() if n not in self._sized}
        self._fixed = self._patterns(fixed, self._program.values())
        self._of_size: dict[int, tuple[Pattern, ...]] = {}
        for nodes in _TRIED_SIZES if self._sized else ():
            self._for(nodes)
        self._verdicts: dict[tuple[tuple[tuple[str, int], ...], bool], bool] = {}
        require_possible([*self._fixed, *self._for(1)], vocabulary)

    def allows(self, expression: Expression) -> bool:
        """Whether no rule is broken."""
        return self._keeps(expression, whole=True)

    def tolerates(self, part: Expression) -> bool:
        """Whether no rule is broken that stays so in every larger equation."""
        return self._keeps(part, whole=False)

    def broken(self, expression: Expression) -> tuple[str, ...]:
        """Names of the rules that an equation breaks, in the order of the text."""
        tree = Tree(shape_of(expression))
        patterns = (*self._fixed, *self._for(len(tree)))
        found = sorted((p for p in patterns if p.broken(tree)), key=lambda p: p.line)
        return tuple(pattern.name for pattern in found)

    def __reduce__(self) -> tuple[object, ...]:
        return EquationRules, self._arguments

    def _keeps(self, expression: Expression, whole: bool) -> bool:
        key = shape_of(expression), whole
        verdict = self._verdicts.get(key)
        if verdict is None:
            tree = Tree(key[0])
            patterns = (*self._fixed, *self._for(len(tree)))
            verdict = not any((whole or p.lasting) and p.broken(tree) for p in patterns)
            if len(self._verdicts) >= _REMEMBERED:
                self._verdicts.clear()
            self._verdicts[key] = verdict
        return verdict

    def _for(self, nodes: int) -> tuple[Pattern, ...]:
        """The rules that depend on the number of nodes, for one number."""
        if not self._sized:
            return ()
        if nodes not in self._of_size:
            values = self._program.values({_NODES: nodes})
            self._of_size[nodes] = self._patterns(self._sized, values)
        return self._of_size[nodes]

    def _patterns(
        self, rules: dict[str, RuleLine | CountLine], values: Values
    ) -> tuple[Pattern, ...]:
        faults, patterns = Faults(), []
        for name, rule in rules.items():
            try:
                patterns.append(pattern_of(name, rule, values, self._moving))
            except EvaluationError as error:
                faults.add(error.at, error.reason)
        faults.raise_if_any()
        return tuple(patterns)


def _require_fitting(names: Names) -> None:
    """Equations have the axes and inputs of the standard file, and rules without prices."""
    faults = Faults()
    own: list[AxisLine | InputLine] = [*names.axes.values(), *names.inputs.values()]
    for line in own:
        if line.at.source.file != f"{_STANDARD}.rules":
            what, known = (
                ("axes", "node, symbol") if line.name in names.axes else ("inputs", _INPUTS)
            )
            reason = f"rules on equations have no {what} of their own; there are {known}"
            faults.add(line.at, reason)
    for rule in names.rules.values():
        if not isinstance(rule, CountLine) and rule.weight is not None:
            reason = "rules on equations have no prices; write '=> forbid' or a count"
            faults.add(rule.weight.at, reason)
    faults.raise_if_any()


def _moving(names: Names) -> frozenset[str]:
    """The parameters and sets that depend on the number of nodes."""
    moving = {_NODES, "node"}
    defined = {n: names_in(line.default) for n, line in names.parameters.items()}
    defined |= {n: names_in(line.values) for n, line in names.sets.items()}
    while grown := {n for n, used in defined.items() if used & moving} - moving:
        moving |= grown
    return frozenset(moving)


def _depends(rule: RuleLine | CountLine, moving: frozenset[str]) -> bool:
    """Whether a rule says different things of trees with different numbers of nodes."""
    expressions = [rule.condition, *(binder.domain for binder in rule.binders)]
    if isinstance(rule, CountLine):
        expressions += [rule.bound, *rule.entries]
    else:
        expressions += [index for cell in rule.cells for index in cell.indices]
    return any(
        names_in(expression) & moving and not is_every_node(expression)
        for expression in expressions
    )
