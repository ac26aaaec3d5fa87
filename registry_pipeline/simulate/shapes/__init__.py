"""From frames in the contract's columns to files as a clinic sends them. A shape changes form, never content."""
