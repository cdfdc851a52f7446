"""Workers on other machines, on Dask. Only the command line imports it, where it is asked to."""
