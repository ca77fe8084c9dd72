"""Made sets: videos of the demo, procedural and photographic, degraded at known strength."""
