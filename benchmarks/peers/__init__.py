"""Systems of others, measured in the same run as ours."""
