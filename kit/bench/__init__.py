"""How latency and peak memory are measured, on this machine and on hosts reached by SSH."""
