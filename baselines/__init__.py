"""Networks and learning methods that stand beside the energy core."""
