"""Damaged files and killed commands, by the thousand: `python -m fuzz COMMAND`, from a checkout.

All that is random follows from a seed, so that whatever is found can be found again.
"""
