"""What is done with recordings: looked at, verified, written in formats of others."""
