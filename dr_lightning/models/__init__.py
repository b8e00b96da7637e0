"""Encoders, teachers and the LightningModule that trains."""
