"""The report: tables, figures and pages, written from the results of the analysis."""
