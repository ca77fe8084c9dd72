"""Three implementations of a GRPO step, and their measurement, for `grpo_step.py`."""
