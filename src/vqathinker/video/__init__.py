"""From a video file to stored frames: probe, frame sampling, decoding, perturbation, clip store."""
