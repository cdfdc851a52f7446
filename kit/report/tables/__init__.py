"""Tables as data: defined once, rendered as Markdown, as HTML and on the terminal."""
