"""sebench: what an attention block costs on your hardware, where the cost goes, and whether it changed."""

__version__ = "0.1.0"
