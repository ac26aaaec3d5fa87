"""Seeded clinics: deliveries as clinics send them, with planted truth and planted defects.

What belongs here: how patients, courses, scores and events come about, the eight ways in which clinics write them
down, and what was planted. What does not belong here: judging the rows (contracts, ingest) or estimating anything from
them (marts). Nothing that runs in production imports this package.
"""
