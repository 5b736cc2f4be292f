"""What a log makes of a policy that is judged: one formula a file, over lists as arrays.

Every estimator is one function of `Slates` that gives `Terms`. It is unbiased where the log's propensities are right,
the logging policy could have shown whatever the judged one shows, and a row's reward depends on what is assumed:

    ips, doubly_robust          on the whole list; no assumption, the largest weights
    reward_interaction, cascade on the item and those above it (a user reads from the top)
    independent                 on the item and its position
    pseudo_inverse              the reward of a list is a sum of what item and position add
    snips                       as ips, unbiased only as the log grows, but never above the largest reward
    clipped, switch, shrunk     as ips and doubly_robust, a bias taken for less variance
    direct                      the reward model is right; propensities are not read
"""
