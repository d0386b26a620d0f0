"""The science of phoenix: recipes for MUSE, without database and services."""

__version__ = "0.1.0"
