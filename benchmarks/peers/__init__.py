"""Published systems of others, which are measured in the same run as ours."""
