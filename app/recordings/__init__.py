"""Reading commands for recordings: info, verification, export."""
