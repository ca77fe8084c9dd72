"""One GRPO step three ways, taken apart for `grpo_step.py`: what is measured, and how."""
