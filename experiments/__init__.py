"""Runs, records and figures: the only package that knows Hydra, files and the console."""
