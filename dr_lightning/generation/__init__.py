"""What the `generate` stage is made of: query types, requests, engines, answers."""
