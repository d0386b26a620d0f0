"""The instrument numerical model: a scene and the instrument give raw frames and truth."""
