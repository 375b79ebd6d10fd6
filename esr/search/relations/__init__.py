"""Relations that linear algebra tells: sparse polynomials, quotients, products, sums of terms."""

from esr.search.relations.engine import Relations

__all__ = ["Relations"]
