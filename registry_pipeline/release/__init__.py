"""From a finished build to what analysts read: disclosure control, gate, dictionary, publishing.

What does not belong here: how a number is made (SQL models, `statistics/`) and what a clinic may send (`contracts/`).
"""
