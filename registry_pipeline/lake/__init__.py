"""The durable layer: where things lie in a home, how they are written, and which deliveries there are.

What does not belong here: parsing, rules, SQL.
"""
