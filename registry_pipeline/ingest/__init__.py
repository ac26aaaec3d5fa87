"""From a file in landing to accepted rows in the lake, refused records in quarantine, and a receipt.

What does not belong here: how a format is split into fields (feeds.readers), what a rule says (contracts).
"""
