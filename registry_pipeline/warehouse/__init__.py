"""The warehouse: from live files of the lake to marts in a private DuckDB file.

What belongs here: opening DuckDB, running the SQL project, knowing whether a build is due. What does not: clinical
definitions (they are SQL, in `dbt_like_sql/`), disclosure control and publishing (`release/`).
"""
