"""Quality understanding: questions that are not for a score, and how well they are answered."""
