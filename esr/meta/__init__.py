"""Meta-learning over families of functions."""

from esr.meta.family import Family, single_family
from esr.meta.functions import Functions
from esr.meta.member import Member

__all__ = ["Family", "Functions", "Member", "single_family"]
