"""The figures as Markdown, and where a document keeps them."""
