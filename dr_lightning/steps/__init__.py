"""Commands run one after the other: what is finished is skipped, the rest goes on."""
