"""Collections of primitives by name."""

from collections.abc import Iterable, Iterator, Mapping

from esr.equations.primitives import Primitive
from esr.errors import suggestion

__all__ = ["PrimitiveSet", "UnknownPrimitiveError"]


class UnknownPrimitiveError(ValueError, KeyError):
    """A name that no primitive of the set has; a `KeyError` too, as for any mapping."""

    __str__ = ValueError.__str__  # KeyError would show the message in quotes


class PrimitiveSet(Mapping[str, Primitive]):
    """An immutable, ordered collection of primitives by name.

    Arguments:
        primitives: The primitives, in order, with distinct names.
    Raises:
        ValueError: If two primitives have the same name.
    """

    def __init__(self, primitives: Iterable[Primitive] = ()) -> None:
        self._by_name: dict[str, Primitive] = {}
        for primitive in primitives:
            if primitive.name in self._by_name:
                raise ValueError(
                    f"two primitives are named '{primitive.name}'; rename one of them"
                )
            self._by_name[primitive.name] = primitive

    def __getitem__(self, name: str) -> Primitive:
        """The primitive of that name.

        Raises:
            UnknownPrimitiveError: If there is none; the message names the nearest.
        """
        if name not in self._by_name:
            raise UnknownPrimitiveError(
                f"primitive {name!r} is unknown; {suggestion(str(name), self)}"
            )
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __hash__(self) -> int:
        return hash(frozenset(self._by_name.values()))

    def __eq__(self, other: object) -> bool:
        return (
            self._by_name == other._by_name if isinstance(other, PrimitiveSet) else NotImplemented
        )

    def __or__(self, other: "PrimitiveSet") -> "PrimitiveSet":
        """The primitives of both.

        Raises:
            ValueError: If the two hold different primitives under one name.
        """
        for name in self:
            if name in other and other[name] != self[name]:
                raise ValueError(
                    f"the two sets hold different primitives named '{name}'; rename one, or use "
                    "with_primitives to replace it"
                )
        return self.with_primitives(*other.values())

    def with_primitives(self, *primitives: Primitive) -> "PrimitiveSet":
        """A set with these primitives added; one of the same name is replaced in its place."""
        return PrimitiveSet({**self._by_name, **{p.name: p for p in primitives}}.values())

    def __repr__(self) -> str:
        return f"PrimitiveSet({', '.join(self._by_name)})"
