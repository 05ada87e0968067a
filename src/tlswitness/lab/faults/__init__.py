"""The faults that the decision table names, one module for each thing that can be wrong.

Separate from the servers, which only do as they are told: here the tokens of `outcomes.toml` become behaviour.
"""
