"""``ngs restore``: footage of an RSGR camera in, restored footage of the same kind out."""
