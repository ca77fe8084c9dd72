"""Predictions of a policy on benchmarks, and their agreement with MOS."""
