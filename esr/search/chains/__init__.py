"""The search as a part of the energy core: tempered chains of programs under one energy."""

from esr.search.chains.chains import Chains
from esr.search.chains.settings import Parts, Settings

__all__ = ["Chains", "Parts", "Settings"]
