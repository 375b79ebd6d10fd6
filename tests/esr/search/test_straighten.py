from esr.equations import Expression
from esr.random import RandomStreams
from esr.search import Clock, SearchFront
from esr.search.straighten import Straighten
from tests.esr.search.recall.test_adjunction import question_of


def test_functions_that_are_nearly_straight_give_way_to_lines():
    law = Expression.parse("2.5*x*sin(1.3*y) + z")
    front = SearchFront(question_of(str(law)))
    front.propose(
        Expression.parse("188.6*sin(0.01326*x)*sin(1.3*y) + 13.34*sqrt(z + 42.48) - 86.95"), "test"
    )
    assert front.exact is None
    Straighten().search(front, Clock(20), RandomStreams(0))
    assert front.exact is not None
    assert front.exact.expression.equals(law, decimals=6) is not False
