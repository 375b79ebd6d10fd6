"""Tasks: data and the wiring around a symbolic core."""
