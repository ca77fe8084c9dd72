"""Predictions of a policy on the benchmarks, and how well they agree with the observers."""
