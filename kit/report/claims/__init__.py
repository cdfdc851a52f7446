"""How each claim of the study is decided on a run: `training`, `quantization`, `pruning` and `combined`.

Each decider takes the ground and returns its finding. Its limits stand at the head of its module, each with its reason.
Accuracies need the study's data set. Orderings and ratios of times carry over between machines, absolute times do not: a
device decides, a host can show that a claim holds there and is then `partly` at best, an emulated time decides nothing.
"""
