"""Policy folders: weights, configuration, processor and card, written, read and described."""
