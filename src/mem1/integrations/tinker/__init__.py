"""Training and sampling by a service that speaks the Tinker protocol: SkyRL's server, or a hosted one.

The episodes, the memory and the advantages are ours; each context that the policy saw is one datum with an advantage
for each of its tokens. The service holds the weights (a low-rank adapter), steps on them and samples from them.
"""
