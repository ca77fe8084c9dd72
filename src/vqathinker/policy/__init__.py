"""What the policy reads and says, and the policy itself."""
