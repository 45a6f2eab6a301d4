"""Batches: the calls of a run that are missing, carried out by somebody else and read back.

A run in batches is the same run (see ``models.carrying``): the same requests are made of its calls,
the same code reads the replies, and what is stored does not tell how it came.
"""
