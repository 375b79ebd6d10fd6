"""The Hopfield core: structured couplings, their spectrum, and dynamics on them."""
