"""What the spectrum of the couplings says: safe steps, temperatures, energy bounds, rules."""
