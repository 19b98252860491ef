"""What `python -m training` can do beside training and scoring, one command a file."""
