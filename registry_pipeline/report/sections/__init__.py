"""The sections of the page, one module per subject.

What belongs here: which rows of which mart are shown, and the sentence that says what they amount to.
"""
