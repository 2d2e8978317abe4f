"""What of colour makes brightness; plain values."""

LUMINANCE_WEIGHTS = (0.2126, 0.7152, 0.0722)
"""Share of linear red, green and blue in luminance (ITU-R BT.709-6, item 3.2)."""
