"""How good each clinic's data are: every finding in one relation, and the scorecard computed from it.

Works on receipts, quarantine files and what the warehouse found; knows nothing of releases and of how it is printed.
"""
