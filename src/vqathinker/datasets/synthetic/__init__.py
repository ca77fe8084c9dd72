"""Demo sets: procedural and photographic videos, degraded with known strength."""
