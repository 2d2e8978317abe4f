"""What each maker calls things: names of nodes and values, as data."""
