"""Demo sets: videos of drawn pictures and photographs, degraded with known strength."""
