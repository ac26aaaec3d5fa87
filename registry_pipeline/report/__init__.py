"""The page that comes with every release: what it holds in charts and tables, for reading without a database.

What belongs here: choosing rows of the public marts, drawing and wording them. What does not: making a number, or
hiding one; the page shows what `registry.duckdb` holds and nothing else.
"""
