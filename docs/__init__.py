"""The documentation, a MkDocs site, and the commands that write its tables and drawings."""
