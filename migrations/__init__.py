"""Revisions of the catalogue, one tree for SQLite and PostgreSQL."""
