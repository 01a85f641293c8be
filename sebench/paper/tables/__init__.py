"""The papers' tables with today's figures beside the printed ones; `registry.TABLES` lists them."""
