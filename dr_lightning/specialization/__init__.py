"""`specialize`: all stages from a corpus to a retriever, each as its own command."""
