"""What the `score` stage is made of: lists to score, pairs, and a look at quality."""
