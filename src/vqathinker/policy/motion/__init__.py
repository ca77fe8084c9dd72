"""The motion branch: encoders that turn a clip into the feature of the motion token."""
