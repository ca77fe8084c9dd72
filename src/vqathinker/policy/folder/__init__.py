"""Policy folders: weights, configuration and card, written, read and described."""
