"""So what: results, tests, verdicts and comparisons, computed from records. Independent of language and page."""
