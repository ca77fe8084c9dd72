"""Rewards and the training of a policy with them."""
