"""The command line: a file for each group of commands. Each parses, calls one function and prints what came back."""
