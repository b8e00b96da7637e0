"""What runs tell: comparisons of per-query values, with their uncertainty."""
