"""Tunes a network: its spelling, which variant fits a budget, which of its gates to drop first."""
