"""Estimators as pure functions of small arrays.

What belongs here: arithmetic on counts and times, without files, databases or settings. What does not: anything SQL
can say exactly (the Wilson interval and the ratio estimator of the marts are macros in `dbt_like_sql/macros`).
"""
