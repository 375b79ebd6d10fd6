"""How states move: graded, mean-field and Gibbs dynamics, and searches made of them."""
