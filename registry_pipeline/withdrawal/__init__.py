"""Withdrawal with deletion: what is a patient's, erasing it from every layer, and proving that it is gone.

What does not belong here: `withdrawn_future`, which erases nothing (`int_consented_patient.sql`), and the files in
landing, which are the clinic's and are never changed.
"""
