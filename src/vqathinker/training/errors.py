"""What ends a training run before its last step."""

__all__ = ["TrainingError"]


class TrainingError(ValueError):
    """A run cannot be trained as it is set up, or went wrong; the message says what to change."""
