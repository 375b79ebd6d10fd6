"""Exact sampling, decoding and sums where the slots form a forest."""
