"""Scoring on a Ray cluster, and training on several hosts; nothing else imports it but the commands."""
