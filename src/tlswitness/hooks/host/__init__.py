"""The inside of a module's process: one host for each language, and the loop that reads the journal and calls.

Separate because nothing here runs in the daemon: what a module does to its process it does to nobody else.
"""
