"""Policy folders: write, read and describe weights, configuration and card."""
