"""Turns a general embedding model into a retriever that is better on your corpus."""

__version__ = "0.1.0"
