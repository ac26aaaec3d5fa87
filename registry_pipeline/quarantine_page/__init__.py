"""The page that a clinic's data manager acts on: what was refused, where, and what to do about it.

Counts, rules, files and lines only. A page is mailed and printed, so no cell of any record may ever reach it.
"""
