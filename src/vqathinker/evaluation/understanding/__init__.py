"""Quality understanding: questions on videos, and the accuracy of the answers."""
